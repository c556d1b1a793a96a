"""`python -m tests.contract.freeze`: writes schemas and examples of new or extended events.

Refuses a change that breaks readers or writers: make it a V2 beside the event.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.contract.compatible import Schema, breaks
from tests.support.builders import (
    NOON,
    a_command,
    a_conversation_change,
    a_delivery,
    a_message,
    a_progress,
    a_reply,
    a_status,
    a_tenant,
    a_usage,
    an_account_news,
    an_assistant,
    an_outcome,
)

from common.events import Choice, Choices, Event, OutgoingMedia, event_id
from common.topics import ALL

FOLDER = Path(__file__).parent
EVENTS: dict[str, type[Event]] = {
    topic.event.__name__: topic.event for topic in ALL if topic.event is not None
}

CHOICES = Choices(
    text="¿Corte o color?",
    options=(
        Choice(id="option-1", title="Corte", description="20 €"),
        Choice(id="2", title="Color"),
    ),
    button="Ver opciones",
)


MENU = OutgoingMedia(
    id="1013859600285442",
    kind="document",
    mime_type="application/pdf",
    filename="menu.pdf",
    caption="El menú de hoy",
)


def examples() -> dict[str, Event]:
    """One of each event, every field filled in."""
    sealed = "v1.k1.bm90LWEta2V5.bm90LWEtc2VjcmV0"
    error = {"error_code": 131026, "error_title": "Message undeliverable"}
    pricing = {"pricing_type": "regular", "pricing_category": "service"}
    hours = {
        "business_hours": [{"weekday": 1, "opens": "09:00", "closes": "14:00"}],
        "handoff_words": ["persona"],
        "handover_minutes": 30,
        "window_template": "te_hemos_respondido",
        "window_template_language": "es_ES",
        "window_template_takes_text": True,
        "messages_per_second": 20,
        "transcription_model": "off",
        "daily_token_budget": 200_000,
        "monthly_token_budget": 4_000_000,
        "contact_daily_token_budget": 20_000,
        "daily_budget_usd": 0.5,
        "monthly_budget_usd": 10.0,
        "budget_text": "Mañana seguimos.",
        "model": "gpt-5.2",
        "reasoning_effort": "low",
        "openai_base_url": "https://models.example.com/v1",
    }
    person = {"wa_id": "34600111222"}
    attachments: dict[str, Any] = {
        "what": "image",
        "media": {
            "id": "1013859600285441",
            "mime_type": "image/jpeg",
            "sha256": "qJ5nZ1nDa3V2Jp0S5bZq7bQe7H8n9yqY6tN3mE2u0aA=",
            "filename": "menu.pdf",
            "voice": True,
            "animated": False,
        },
        "caption": "¿Tienen esto?",
        "order": {
            "catalog_id": "9",
            "items": [
                {"product_id": "A-1", "quantity": "2", "price": "3.5", "currency": "EUR"},
            ],
            "note": "Para hoy",
        },
        "shared_contacts": [
            {"name": "Luis", "phones": ["+34 600 33 44 55"], "emails": ["luis@example.com"]}
        ],
        "flow_reply": {"name": "flow", "answers": {"day": "2026-12-01"}},
        "referral": {
            "source_type": "ad",
            "source_id": "1",
            "source_url": "https://fb.me/x",
            "headline": "Oferta",
            "body": "Dos por uno",
            "ctwa_clid": "c",
        },
        "forwarded": True,
        "edits": "wamid.in.0",
        "deletes": "wamid.in.0",
        "previous_ids": {"user_id": "ES.1", "wa_id": "34600111333"},
    }
    made: list[Event] = [
        a_message(
            choice_id="row-1",
            reply_to="wamid.out.1",
            contact_name="Lucía",
            **person,
            **attachments,
        ),
        a_status("failed", tag="v1:delivery-1:1", **error, **pricing),
        a_reply(
            kind="fallback",
            markdown=(0, 16),
            failure="http_500",
            what="person",
            expires_at=NOON,
            choices=CHOICES,
            media=MENU,
            quotes="wamid.IN1",
            **person,
        ),
        a_progress(),
        a_command(
            "echo",
            text="Claro",
            media=MENU,
            minutes=30,
            wamid="wamid.echo.1",
            sent_at=NOON,
            **person,
        ),
        a_conversation_change(
            "handed_over", until=NOON, reason="opted_out", command_id="command-1"
        ),
        a_delivery(
            "failed",
            wamid="wamid.out.1",
            reason="template_sent_today",
            template="te_hemos_respondido",
            template_takes_text=True,
            **error,
            **pricing,
        ),
        an_outcome("failed", reason="131042", reply_id="reply-1", corrects=event_id("first")),
        a_usage(),
        an_account_news(
            "template_status",
            phone_number_id="100000000000001",
            phone_number="34911000001",
            level="warning",
            subject="offer es",
            detail="REJECTED: INVALID_FORMAT",
            code=131042,
            limit="TIER_2K",
            messages_per_second=1000,
            template="offer",
            template_language="es",
            template_status="REJECTED",
            until=NOON,
        ),
        a_tenant(revision=1, settings=hours, access_token=sealed, openai_api_key=sealed),
        an_assistant(
            revision=1, reasoning_effort="low", verbosity="low", temperature=0.5, top_p=0.9
        ),
    ]
    return {type(event).__name__: event for event in made}


def frozen(name: str) -> Schema | None:
    path = FOLDER / "schemas" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def current(event: type[Event]) -> Schema:
    """Tuples of the model are lists in JSON, so that both sides compare equal."""
    schema: Schema = json.loads(json.dumps(event.model_json_schema(mode="validation")))
    return schema


def write(folder: str, name: str, content: object) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (FOLDER / folder / f"{name}.json").write_text(f"{text}\n")


def main() -> int:
    broken = [
        f"{name}: {line}"
        for name, event in EVENTS.items()
        for line in breaks(frozen(name) or {}, current(event))
        if frozen(name)
    ]
    if broken:
        sys.stderr.write("\n".join(["refused, these need a V2:", *broken, ""]))
        return 1
    for name, event in EVENTS.items():
        write("schemas", name, current(event))
        write("examples", name, json.loads(examples()[name].encode()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
