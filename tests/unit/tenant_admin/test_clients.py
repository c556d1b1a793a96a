"""The decisions of a client's change: what differs, which events follow."""

from typing import Any

import pytest
from tests.support.builders import NOON, TRACE

from common.events import TenantConfig, TenantSettings
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG
from tenant_admin.core.assistant_template import assistant_from_template
from tenant_admin.core.assistants import AssistantVersion
from tenant_admin.core.assistants import config_event as assistant_event
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.clients import Client, StoredClient, config_event, drafts_of, patched
from tenant_admin.core.problems import RequestRefused
from tenant_admin.core.schemas import AssistantBody, ClientPatch

CONTEXT = ChangeContext("key:test", None, "request-1", TRACE, NOON)


def a_client(**fields: Any) -> Client:
    values = {"id": 7, "name": "La Plaza", "phone_number": "+34666777888", "active": True}
    values |= {"phone_number_id": "11111", "assistant_id": "asst_1", "version": 3}
    values |= {"created_at": NOON, "updated_at": NOON, "settings": TenantSettings()}
    return Client(**values | fields)


def a_stored(**fields: Any) -> StoredClient:
    return StoredClient(a_client(**fields), {"access_token": "v1.sealed"})


def test_a_change_is_one_event_under_the_same_key() -> None:
    [draft] = drafts_of(a_stored(), a_stored(active=False, version=4), CONTEXT)
    assert draft.key == "11111"
    assert isinstance(draft.event, TenantConfig)
    assert not draft.event.active


def test_a_moved_number_leaves_a_tombstone_before_the_new_key() -> None:
    drafts = drafts_of(a_stored(), a_stored(phone_number_id="22222"), CONTEXT)
    assert [(draft.key, draft.event is None) for draft in drafts] == [
        ("11111", True),
        ("22222", False),
    ]


def test_a_deleted_client_leaves_only_a_tombstone() -> None:
    assert [(draft.key, draft.event) for draft in drafts_of(a_stored(), None, CONTEXT)] == [
        ("11111", None)
    ]


def test_the_event_carries_what_services_need() -> None:
    event = config_event(a_stored(), CONTEXT)
    assert (event.tenant_id, event.version, event.trace_id) == (7, 3, TRACE)
    assert (event.access_token, event.openai_api_key) == ("v1.sealed", None)
    assert event.event_id == config_event(a_stored(), CONTEXT).event_id
    assert event.event_id != config_event(a_stored(version=4), CONTEXT).event_id


def test_a_patch_keeps_other_settings_and_null_restores_a_default() -> None:
    before = a_client(settings=TenantSettings(language="en", model="gpt-6.1-terra"))
    after = patched(before, ClientPatch(name="Otro", settings={"model": None, "timezone": "UTC"}))
    assert after.name == "Otro"
    assert after.phone_number == before.phone_number
    assert after.settings == TenantSettings(language="en", timezone="UTC")


def test_a_patch_that_says_what_is_there_is_no_change() -> None:
    before = a_client(settings=TenantSettings(language="en"))
    assert patched(before, ClientPatch(name="La Plaza", settings={"language": "en"})) == before


def test_a_setting_that_does_not_go_with_the_others_is_refused_by_name() -> None:
    patch = ClientPatch(settings={"opt_out_words": ["atendente"]})
    assert patched(a_client(), patch).settings.opt_out_words == ("atendente",)
    with pytest.raises(RequestRefused) as refused:
        patched(a_client(settings=TenantSettings(language="pt")), patch)
    assert [error.field for error in refused.value.errors] == ["settings.opt_out_words"]


@pytest.mark.parametrize(
    ("language", "place"),
    [("es", "COMPLETAR AQUÍ"), ("es-MX", "COMPLETAR AQUÍ"), ("en", "FILL IN HERE"), ("fr",) * 2],
)
def test_the_template_speaks_the_clients_language_and_marks_its_blanks(
    language: str, place: str
) -> None:
    body = assistant_from_template("La Plaza {x}", language)
    assert "La Plaza {x}" in body.instructions
    assert place in body.instructions
    assert (body.model, body.reasoning_effort, body.verbosity) == ("gpt-6-luna", "none", "low")


def test_the_largest_client_and_assistant_that_are_taken_fit_into_their_topics() -> None:
    """Four bytes a character; two where JSON escapes one."""
    stop, person = ["𠀀" * 100] * 50, ["𠀁" * 100] * 50
    opening = {"weekday": 7, "opens": "09:00:01", "closes": "14:00:01"}
    texts = {"handoff_words": person, "opt_out_words": stop, "fallback_text": "🥐" * 1024}
    settings = {**texts, "business_hours": [opening] * 21, "model": "m" * 128}
    client = patched(a_client(name="🥐" * 256), ClientPatch(settings=settings))
    secrets = dict.fromkeys(("access_token", "openai_api_key"), "v1." + "x" * 8192)
    event = config_event(StoredClient(client, secrets), CONTEXT)
    assert len(event.encode()) <= TENANTS_CONFIG.max_value_bytes

    body = AssistantBody(name="🥐" * 256, instructions="🥐" * 256_000, model="m" * 128)
    version = AssistantVersion(
        **body.model_dump(),
        assistant_id="a" * 128,
        version=1,
        created_at=NOON,
        created_by="key:test",
    )
    config = assistant_event(version, CONTEXT, revision=2**31)
    assert len(config.encode()) <= ASSISTANTS_CONFIG.max_value_bytes
