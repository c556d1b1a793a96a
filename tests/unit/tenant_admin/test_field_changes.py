"""What the audit log shows of a change: which fields, and no value that must not be kept."""

from hashlib import sha256
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from common.events import ConversationCommand
from common.events.config import TenantSettings
from tenant_admin.core.api_keys import Key
from tenant_admin.core.assistants import AssistantVersion
from tenant_admin.core.clients import Client
from tenant_admin.core.field_changes import WITHHELD, field_changes, shown

# Whoever adds a field decides whether the log, which is kept for ever, may show its value.
SHOWN = """id name phone_number phone_number_id assistant_id active settings version created_at
updated_at has_access_token has_openai_api_key language timezone quiet_window_ms business_hours
fallback_text disclosure_text closed_text closed_mode stale_minutes stale_mode handoff_words
handover_minutes messages_per_second answers_thanks model_hands_over model_offers_choices
window_template window_template_language window_template_takes_text opt_out_words
daily_token_budget monthly_token_budget contact_daily_token_budget daily_budget_usd
monthly_budget_usd budget_text model reasoning_effort transcription_model openai_base_url
instructions verbosity temperature top_p max_output_tokens warnings created_by source_hash prefix
scopes expires last_used revoked event_id trace_id tenant_id occurred_at what by minutes
sent_at schema_version role clients"""
NOT_SHOWN = "tools response_format source_raw contact_id text media wamid wa_id"
MODELS: tuple[type[BaseModel], ...] = (
    Client,
    TenantSettings,
    AssistantVersion,
    Key,
    ConversationCommand,
)


def test_only_what_differs_is_named_with_both_values() -> None:
    before = {"name": "Plaza", "settings": {"language": "es", "model": None}, "version": 1}
    after = {"name": "Plaza", "settings": {"language": "en", "model": None}, "version": 2}
    assert field_changes(before, after) == [
        {"field": "settings.language", "before": "es", "after": "en"},
        {"field": "version", "before": 1, "after": 2},
    ]


def test_a_new_object_has_only_after_and_a_deleted_one_only_before() -> None:
    assert field_changes(None, {"a": 1}) == [{"field": "a", "before": None, "after": 1}]
    assert field_changes({"a": 1}, None) == [{"field": "a", "before": 1, "after": None}]
    assert field_changes(None, None) == []


def test_a_long_value_is_its_hash_and_size() -> None:
    text = "Abrimos a las 13:00. " * 100
    [change] = field_changes({"instructions": "corto"}, {"instructions": text})
    encoded = orjson.dumps(text)
    assert change["before"] == "corto"
    assert change["after"] == {"sha256": sha256(encoded).hexdigest(), "bytes": len(encoded)}


@pytest.mark.parametrize("name", ["contact_id", "text", "media", "wamid"])
def test_what_people_wrote_and_who_they_are_is_withheld(name: str) -> None:
    value: Any = {"caption": "34600111222"} if name == "media" else "34600111222"
    [change] = field_changes(None, {name: value})
    assert change["after"] == WITHHELD
    assert "34600111222" not in str(change)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access_token", "EAAB-secret"),
        ("settings.openai_api_key", "sk-secret"),
        ("settings.openai_base_url", "https://user:secret@example.com/v1"),
        ("nested.password", ["secret"]),
    ],
)
def test_a_secret_that_came_here_by_mistake_is_withheld(name: str, value: Any) -> None:
    assert shown(name, value) == WITHHELD


def test_tools_may_hold_credentials_of_others_and_are_a_hash() -> None:
    tools = [{"type": "mcp", "headers": {"x": "secret"}}]
    [change] = field_changes(None, {"tools": tools})
    assert set(change["after"]) == {"sha256", "bytes"}


def test_a_line_is_bounded_whatever_changes() -> None:
    wide = {"settings": {f"{n}{'x' * 200}": "y" * 240 for n in range(5000)}, "z": "w" * 10**6}
    changes = field_changes(None, wide)
    assert len(orjson.dumps(changes)) < 40_000
    assert changes[-1] == {"field": "more fields", "before": None, "after": 5001 - 64}


def test_every_field_of_what_is_audited_has_been_decided_upon() -> None:
    fields = {name for model in MODELS for name in model.model_fields}
    assert fields - set(SHOWN.split()) == set(NOT_SHOWN.split()) & fields
    assert all(
        shown(name, "any") in (WITHHELD,) or "sha256" in shown(name, "any")
        for name in NOT_SHOWN.split()
    )
