"""What operators may send, and the fix for what is wrong."""

from datetime import time
from typing import Any

import pytest

from tenant_admin.cli.assignments import patch_of
from tenant_admin.core.problems import RequestRefused, parsed
from tenant_admin.core.schemas import ClientPatch, NewAssistant, NewClient, NewKey, SecretValue

GOOD: dict[str, Any] = {
    "name": "Restaurante La Plaza",
    "phone_number": "+34666777888",
    "phone_number_id": "631261586727899",
    "assistant_id": "asst_abc123xyz",
}
OPENING = {"weekday": 7, "opens": "09:00", "closes": "14:00"}
WRONG_SERVERS = (
    "models.example.com/v1",
    "ftp://models.example.com/v1",
    "http://models.example.com/v1",
    "http://10.0.0.7/v1",
    "http://127.0.0.1.example.com/v1",
    "https://user:secret@models.example.com/v1",
    "https://@models.example.com/v1",
    "https://models.example.com/v1?key=secret",
    "https://models.example.com/v1#x",
    "https://models.example.com:port/v1",
    "https://models.example.com:0/v1",
    "https://[::1/v1",
    "https:///v1",
    "https://models.example.com/v1\r\nX: injected",
    "https://modelsñ.example.com/v1",
    "https://models.example.com/" + "x" * 500,
    "",
)
EIGHTH_DAY = {"weekday": 8, "opens": "09:00", "closes": "14:00"}


def refusal(form: Any, fields: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(RequestRefused) as refused:
        parsed(form, fields)
    assert refused.value.status == 422
    assert all(error.message and error.fix for error in refused.value.errors)
    return {error.field: error.fix for error in refused.value.errors}


@pytest.mark.parametrize(
    "number", ["+34666777888", "+12025550123", "+12345678", "+123456789012345"]
)
def test_international_numbers_are_taken(number: str) -> None:
    assert parsed(NewClient, GOOD | {"phone_number": number}).phone_number == number


@pytest.mark.parametrize(
    "number",
    [
        "666777888",
        "0034666777888",
        "+34 666 777 888",
        "+0666777888",
        "+1234567",
        "",
        "+34٦٦٦777888",
        "+1234567890123456",
        "+34666777888\n",
        "+34-666777888",
        "34666777888",
    ],
)
def test_other_numbers_are_refused_with_an_example(number: str) -> None:
    fixes = refusal(NewClient, GOOD | {"phone_number": number})
    assert fixes == {
        "phone_number": "write + and the country code, digits only, for example +34666777888"
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "a\nb"),
        ("name", "x" * 257),
        ("phone_number_id", "1234"),
        ("phone_number_id", "1" * 21),
        ("phone_number_id", "12345x"),
        ("phone_number_id", 12345),
        ("assistant_id", "asst abc"),
        ("assistant_id", "../x"),
        ("assistant_id", ""),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    assert set(refusal(NewClient, GOOD | {field: value})) == {field}


def test_missing_and_misspelt_fields_are_all_named_at_once() -> None:
    given = {"name": "A", "phone": "+34666777888"}
    fields = {"phone", "phone_number", "phone_number_id", "assistant_id"}
    assert set(refusal(NewClient, given)) == fields


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"timezone": "Europe/Madriz"}, "settings.timezone"),
        ({"quiet_window_ms": -1}, "settings.quiet_window_ms"),
        ({"language": "Spanish"}, "settings.language"),
        ({"colour": "red"}, "settings.colour"),
        ({"business_hours": [EIGHTH_DAY]}, "settings.business_hours.0.weekday"),
        ({"business_hours": [OPENING | {"opens": "09:00+02:00"}]}, "settings.business_hours"),
        ({"model": "a model"}, "settings.model"),
        ({"opt_out_words": ["x" * 101]}, "settings.opt_out_words.0"),
        ({"handoff_words": ["x"] * 51}, "settings.handoff_words"),
        ({"handoff_words": ["a\x07"]}, "settings.handoff_words.0"),
        ({"handoff_words": ["ayuda", " "]}, "settings.handoff_words.1"),
        ({"opt_out_words": ["🛑\ufe0f!"]}, "settings.opt_out_words.0"),
        ({"handover_minutes": -1}, "settings.handover_minutes"),
        ({"handover_minutes": 525_601}, "settings.handover_minutes"),
        ({"window_template": ""}, "settings.window_template"),
        ({"window_template": "Mi plantilla"}, "settings.window_template"),
        ({"window_template": "a" * 513}, "settings.window_template"),
        ({"window_template_language": "es-ES"}, "settings.window_template_language"),
        ({"window_template_takes_text": 3}, "settings.window_template_takes_text"),
        ({"messages_per_second": 0}, "settings.messages_per_second"),
        ({"messages_per_second": 1001}, "settings.messages_per_second"),
        ({"business_hours": [OPENING] * 22}, "settings.business_hours"),
        ({"fallback_text": "a\x00"}, "settings.fallback_text"),
        ({"daily_token_budget": 10**12 + 1}, "settings.daily_token_budget"),
        *(({"openai_base_url": url}, "settings.openai_base_url") for url in WRONG_SERVERS),
        ({"monthly_token_budget": 0}, "settings.monthly_token_budget"),
        ({"contact_daily_token_budget": 0.5}, "settings.contact_daily_token_budget"),
        ({"daily_budget_usd": 0}, "settings.daily_budget_usd"),
        ({"daily_budget_usd": "nan"}, "settings.daily_budget_usd"),
        ({"monthly_budget_usd": "inf"}, "settings.monthly_budget_usd"),
        ({"monthly_budget_usd": "cheap"}, "settings.monthly_budget_usd"),
        ({"budget_text": ""}, "settings.budget_text"),
    ],
)
def test_a_wrong_setting_is_named_with_its_path(settings: dict[str, Any], field: str) -> None:
    assert set(refusal(NewClient, GOOD | {"settings": settings})) == {field}


def test_a_day_may_end_at_24_00() -> None:
    hours = [OPENING | {"closes": "24:00"}]
    client = parsed(NewClient, GOOD | {"settings": {"business_hours": hours}})
    assert client.settings.business_hours[0].closes == time(0)


@pytest.mark.parametrize(
    ("settings", "field", "message"),
    [
        ({"handoff_words": ["Stop!"]}, "handoff_words", "'Stop!' already means opt_out"),
        ({"handoff_words": ["START"]}, "handoff_words", "'START' already means opt_in"),
        ({"opt_out_words": ["alta"]}, "opt_out_words", "'alta' already means opt_in"),
        ({"opt_out_words": ["HUMANO"]}, "opt_out_words", "'HUMANO' already means handover"),
        (
            {"handoff_words": ["ayúdame"], "opt_out_words": ["fin", "*Ayudame*"]},
            "opt_out_words",
            "'*Ayudame*' already means handover",
        ),
        (
            {"opt_out_words": ["atendente"], "language": "pt-BR"},
            "opt_out_words",
            "'atendente' already means handover",
        ),
    ],
)
def test_a_word_with_two_meanings_is_refused(
    settings: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        parsed(NewClient, GOOD | {"settings": settings})
    [error] = refused.value.errors
    assert (error.field, error.message) == (f"settings.{field}", message)
    assert error.fix.startswith("use another word")


@pytest.mark.parametrize(
    "settings",
    [
        {"opt_out_words": []},
        {"opt_out_words": ["Stop", "CANCELAR"], "handoff_words": ["persona", "ayuda"]},
        {"opt_out_words": ["atendente"], "language": "es"},
        {"handover_minutes": 0},
        {"messages_per_second": 20},
        {"window_template": "te_hemos_respondido_2", "window_template_language": "es_ES"},
        {"window_template": "a" * 512, "window_template_takes_text": True},
        {"openai_base_url": "https://models.example.com:8443/openai/v1"},
        {"openai_base_url": "http://localhost:11434/v1"},
        {"openai_base_url": "http://[::1]:11434/v1"},
    ],
)
def test_own_words_may_repeat_the_languages_own_meaning(settings: dict[str, Any]) -> None:
    taken = parsed(NewClient, GOOD | {"settings": settings}).settings
    assert taken.model_dump(mode="json", exclude_unset=True) == settings


@pytest.mark.parametrize("secret", ["EAAG\r\nX: injected", "EAAG spaces", "EAAGñandú", "short"])
def test_a_token_that_could_not_be_a_header_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        parsed(SecretValue, {"value": secret})
    assert [error.field for error in refused.value.errors] == ["value"]
    assert secret not in str(refused.value.problem())


def test_an_unknown_scope_is_refused_with_the_known_ones() -> None:
    fixes = refusal(NewKey, {"name": "crm", "scopes": ["clients:read", "everything"]})
    assert "clients:write" in fixes["scopes.1"]


def test_words_of_the_command_line_become_a_patch() -> None:
    words = ["name=La Plaza", "language=en", "model=null", 'opt_out_words=["STOP"]']
    assert patch_of([*words, "phone_number_id=12345"]) == ClientPatch(
        name="La Plaza",
        phone_number_id="12345",
        settings={"language": "en", "model": None, "opt_out_words": ["STOP"]},
    )


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("language", "language"),
        ("nothing=1", "nothing"),
        ("opt_out_words=[x", "settings.opt_out_words"),
        ("phone_number=666", "phone_number"),
    ],
)
def test_a_wrong_word_is_named(word: str, field: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        patch_of([word])
    assert [error.field for error in refused.value.errors] == [field]


def test_instructions_hold_line_breaks_but_no_other_control_characters() -> None:
    fields = {"assistant_id": "asst_1", "name": "A", "instructions": "one\r\n\ttwo\n"}
    assert parsed(NewAssistant, fields).instructions == "one\r\n\ttwo\n"
    refused = refusal(NewAssistant, fields | {"instructions": "\x01"})
    assert refused == {"instructions": "keep only line breaks and tabs"}
