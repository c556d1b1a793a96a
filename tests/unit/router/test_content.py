"""What each type of message becomes: what the model reads and its fields, or a recorded end."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.router import NUMBER, a_record, a_router, plain

from common.kafka.record import OutgoingRecord
from common.topics import MESSAGES_INBOUND

CARD = {"name": {"formatted_name": "Luis"}, "phones": [{"phone": "+34 600 33 44 55"}]}
EMAIL = {"emails": [{"email": "luis@example.com", "type": "WORK"}]}
ITEM = {"product_retailer_id": "A-1", "quantity": 2, "item_price": 3.5, "currency": "EUR"}
AD = {"source_type": "ad", "source_url": "https://fb.me/x", "headline": "Oferta", "body": "2x1"}
PRODUCT = {"referred_product": {"catalog_id": "9", "product_retailer_id": "A-1"}}


def route(type: str, content: Any, **beside: Any) -> OutgoingRecord:
    message = {"from": "34600111222", "id": "wamid.1", "timestamp": "1795600000", "type": type}
    value = {
        "metadata": {"phone_number_id": NUMBER},
        "messages": [message | {type: content} | beside],
    }
    body = {"entry": [{"changes": [{"field": "messages", "value": value}]}]}
    (outgoing,) = a_router().router.route(a_record(orjson.dumps(body))).records
    return outgoing


def form(response: Any) -> dict[str, Any]:
    text = response if isinstance(response, str) else orjson.dumps(response).decode()
    return {
        "type": "nfm_reply",
        "nfm_reply": {"name": "flow", "body": "Sent", "response_json": text},
    }


@pytest.mark.parametrize(
    ("type", "content", "read"),
    [
        ("text", {"body": "Hola"}, "Hola"),
        ("image", {"id": "1"}, "[photo]"),
        ("image", {"id": "1", "caption": " ¿Cuánto cuesta esto? "}, "[photo] ¿Cuánto cuesta esto?"),
        ("image", {"id": "1", "caption": " \n"}, "[photo]"),
        ("video", {"id": "1", "caption": "Mire"}, "[video] Mire"),
        ("audio", {"id": "1", "voice": True}, "[voice note]"),
        ("audio", {"id": "1", "voice": False}, "[audio file]"),
        ("audio", {"id": "1"}, "[audio file]"),
        ("document", {"id": "1", "filename": "menu.pdf"}, '[document "menu.pdf"]'),
        (
            "document",
            {"id": "1", "filename": "a]b.pdf", "caption": "Esto"},
            '[document "a)b.pdf"] Esto',
        ),
        ("document", {"id": "1"}, "[document]"),
        ("contacts", [CARD], "[contact: Luis, +34 600 33 44 55]"),
        ("contacts", [EMAIL, CARD], "[contact: luis@example.com; Luis, +34 600 33 44 55]"),
        ("contacts", [], "[contact]"),
        ("order", {"product_items": [ITEM]}, "[order: 2 x A-1, 3.5 EUR each]"),
        (
            "order",
            {"product_items": [ITEM, {"product_retailer_id": "B"}], "text": "Para hoy"},
            "[order: 2 x A-1, 3.5 EUR each; B] Para hoy",
        ),
        (
            "order",
            {"product_items": [ITEM | {"item_price": 45000.0}]},
            "[order: 2 x A-1, 45000 EUR each]",
        ),
        (
            "order",
            {"product_items": [ITEM | {"quantity": "3", "item_price": None}]},
            "[order: 3 x A-1]",
        ),
        ("interactive", form({"name": "Ana", "flow_token": "t"}), "[form: name: Ana]"),
        (
            "interactive",
            form(
                {
                    "day": {"date": "2026-12-01", "at": None},
                    "services": ["corte", "tinte"],
                    "vip": True,
                }
            ),
            "[form: day.date: 2026-12-01; services: corte, tinte; vip: true]",
        ),
        ("interactive", form("no JSON"), "[form]"),
        ("interactive", {"type": "nfm_reply"}, "[form]"),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "y", "title": "Sí"}}, "Sí"),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "r", "title": "A"}}, "A"),
        ("button", {"payload": "CITA_SI", "text": "Sí, confirmo"}, "Sí, confirmo"),
        ("button", {"payload": "CITA_SI"}, "CITA_SI"),
        ("location", {"latitude": 1.5, "longitude": 2, "name": "Sol"}, "Location: Sol, (1.5, 2)"),
    ],
)
def test_what_an_assistant_can_answer_is_put_into_words(type: str, content: Any, read: str) -> None:
    event = plain(route(type, content))
    assert (event["topic"], event["text"]) == ("messages.inbound", read)


@pytest.mark.parametrize(
    ("type", "content", "reason"),
    [
        ("text", {"body": " \n"}, "text"),
        ("text", {"body": "\0"}, "text"),
        ("text", {"body": "\u200b\u200e"}, "text"),
        ("text", {"body": "\u2060 \ufeff"}, "text"),
        ("sticker", {"id": "1"}, "sticker"),
        ("reaction", {"message_id": "wamid.0", "emoji": "👍"}, "reaction"),
        ("unsupported", {"type": "poll_creation"}, "unsupported"),
        ("system", {"type": "user_changed_number"}, "system"),
        ("edit", {"original_message_id": "wamid.0"}, "edit"),
        ("revoke", {}, "revoke"),
        ("button", {}, "button"),
        ("interactive", {"type": "call_permission_reply"}, "call_permission_reply"),
        ("hologram", {"id": "1"}, "hologram"),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"referral": AD}], ids=["alone", "from an ad"])
def test_what_has_no_words_is_recorded(
    type: str, content: Any, reason: str, beside: dict[str, Any]
) -> None:
    event = plain(route(type, content, **beside))
    assert (event["topic"], event["reason"]) == ("messages.outcome", reason)


@pytest.mark.parametrize(
    ("beside", "read"),
    [
        ({"referral": AD}, "[from an ad: Oferta; 2x1; https://fb.me/x] Hola"),
        ({"referral": {"source_type": "post", "body": "[Ven]"}}, "[from a post: (Ven)] Hola"),
        ({"referral": {}}, "[from an ad] Hola"),
        ({"referral": None}, "Hola"),
        ({"context": PRODUCT}, "[about the product: A-1] Hola"),
        ({"context": PRODUCT, "referral": {}}, "[from an ad] [about the product: A-1] Hola"),
        ({"context": {"forwarded": True, "referred_product": {}}}, "Hola"),
        ({"context": []}, "Hola"),
    ],
)
def test_an_ad_and_a_product_stand_before_the_contacts_words(
    beside: dict[str, Any], read: str
) -> None:
    assert plain(route("text", {"body": "Hola"}, **beside))["text"] == read


FILE = {"id": "7", "mime_type": "image/jpeg", "sha256": "x"}


@pytest.mark.parametrize(
    ("type", "content", "fields"),
    [
        (
            "image",
            FILE | {"caption": "¿Y esto?", "url": "u"},
            {"media": FILE, "caption": "¿Y esto?"},
        ),
        ("audio", {"id": "7", "voice": True}, {"media": {"id": "7", "voice": True}}),
        ("document", {"id": "7", "filename": "a.pdf"}, {"media": {"id": "7", "filename": "a.pdf"}}),
        ("image", {"caption": "sin id"}, {"caption": "sin id"}),
        ("image", {"id": "i" * 513, "voice": "yes"}, {}),
        (
            "contacts",
            [CARD],
            {"shared_contacts": [{"name": "Luis", "phones": ["+34 600 33 44 55"], "emails": []}]},
        ),
        (
            "order",
            {"catalog_id": "9", "text": "Hoy", "product_items": [ITEM]},
            {
                "order": {
                    "catalog_id": "9",
                    "note": "Hoy",
                    "items": [
                        {"product_id": "A-1", "quantity": "2", "price": "3.5", "currency": "EUR"}
                    ],
                }
            },
        ),
        (
            "interactive",
            form({"a": 1, "flow_token": "t"}),
            {"flow_reply": {"name": "flow", "answers": {"a": "1"}}},
        ),
        ("text", {"body": "Hola"}, {}),
    ],
)
def test_the_event_carries_it_as_fields_too(
    type: str, content: Any, fields: dict[str, Any]
) -> None:
    event = plain(route(type, content))
    what = "nfm_reply" if type == "interactive" else type
    carried = (
        "media",
        "caption",
        "order",
        "shared_contacts",
        "flow_reply",
        "referral",
        "forwarded",
    )
    assert {name: event[name] for name in carried if name in event} == fields
    assert (event["kind"], event["what"]) == ("text", what)


@pytest.mark.parametrize("mark", ["forwarded", "frequently_forwarded"])
def test_a_forwarded_message_says_so_in_the_event(mark: str) -> None:
    assert plain(route("text", {"body": "Hola"}, context={mark: True}))["forwarded"] is True


HUGE = "x" + "\x01" * 600_000  # six bytes each in JSON
LONG = "\x01" * 500
MANY_ADDRESSES = {
    "name": {"formatted_name": LONG},
    "phones": [{"phone": LONG}] * 9,
    "emails": [{"email": LONG}] * 9,
}
BIG_ITEM = {"product_retailer_id": LONG, "quantity": LONG, "item_price": LONG, "currency": LONG}
BIG_AD = dict.fromkeys(("source_url", "headline", "body"), HUGE) | dict.fromkeys(
    ("source_type", "source_id", "ctwa_clid"), LONG
)


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("text", {"body": HUGE}),
        ("image", {"id": LONG, "caption": HUGE, "filename": HUGE, "mime_type": HUGE}),
        ("document", {"id": LONG, "caption": HUGE, "filename": HUGE, "sha256": HUGE}),
        ("contacts", [MANY_ADDRESSES] * 1_000),
        ("order", {"catalog_id": LONG, "text": HUGE, "product_items": [BIG_ITEM] * 300}),
        ("interactive", form({f"{n}{'x' * 20}": "\x01" * 10_000 for n in range(100)})),
        ("interactive", form({LONG + str(n): LONG for n in range(9)} | {"list": [LONG] * 40})),
        ("interactive", form({"list": ["x"] * 30_000})),
        ("button", {"payload": HUGE}),
    ],
)
def test_whatever_is_sent_its_event_fits_its_topic(type: str, content: Any) -> None:
    outgoing = route(type, content, referral=BIG_AD, context=PRODUCT)
    assert outgoing.topic is MESSAGES_INBOUND
    assert len(outgoing.value or b"") <= MESSAGES_INBOUND.max_value_bytes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["image", "audio", "document", "contacts", "order"]), JSON, JSON)
def test_content_of_any_shape_is_described(type: str, content: Any, referral: Any) -> None:
    event = plain(route(type, content, referral=referral))
    assert event["topic"] == "messages.inbound"
    assert event["text"].startswith("[")


@settings(max_examples=200, deadline=None)
@given(JSON | st.text(max_size=9))
def test_a_form_of_any_shape_is_described(response: Any) -> None:
    outgoing = route("interactive", form(response))
    assert plain(outgoing)["text"].startswith("[form")
    assert b"\\u0000" not in (outgoing.value or b"")


@pytest.mark.parametrize("response", ["[" * 2_000, '{"a":' * 40 + "1" + "}" * 40, '{"a":1e999}'])
def test_a_form_that_cannot_be_read_is_a_form_all_the_same(response: str) -> None:
    event = plain(route("interactive", form(response)))
    assert (event["text"], event["flow_reply"]["answers"]) == ("[form]", {})
