"""Every text of the commands has a Spanish one, and what is filled in stays."""

import json

import pytest
from tests.support.command_texts import help_texts, texts
from typer.main import get_command

from tenant_admin.cli import clients, replay
from tenant_admin.cli.spanish import FIELD, Texts, spanish_of_sources, spanish_texts
from tenant_admin.settings import LanguageSettings

SPANISH = spanish_texts()
TO_SPANISH = Texts(SPANISH)


def every_text() -> set[str]:
    helps = {text for app in (clients.app, replay.app) for text in help_texts(get_command(app))}
    return texts() | {text for text in helps if not text.startswith("KEY: ")}


def test_no_text_is_without_its_spanish() -> None:
    missing = sorted(every_text() - SPANISH.keys())
    lines = "\n".join(f'{json.dumps(text, ensure_ascii=False)} = ""' for text in missing)
    assert not missing, f"add to [texts] of spanish.toml:\n{lines}"


def test_no_spanish_is_of_a_text_that_is_gone() -> None:
    assert sorted(spanish_of_sources().keys() - every_text()) == []


@pytest.mark.parametrize("text", [text for text in SPANISH if FIELD.search(text)])
def test_what_is_filled_in_stays(text: str) -> None:
    fields, kept = set(FIELD.findall(text)), set(FIELD.findall(SPANISH[text]))
    assert kept <= fields
    assert fields - kept <= {"class_name", "field_type", "expected_plural"}, "of pydantic"


@pytest.mark.parametrize(
    ("text", "spanish"),
    [
        ("Nothing changed.", "No ha cambiado nada."),
        ("Client 3 (Café {1}):", "Cliente 3 (Café {1}):"),
        ("Client 3 deleted.", "Cliente 3 borrado."),
        ("client 3 is at version 5, not 4", "el cliente 3 está en la versión 5, no en la 4"),
        ("nobody wrote this", "nobody wrote this"),
    ],
)
def test_a_text_is_translated_with_what_is_filled_in(text: str, spanish: str) -> None:
    assert TO_SPANISH(text) == spanish


def test_what_is_filled_in_is_never_read_as_a_pattern() -> None:
    assert Texts({"a {0} of {1}": "{1} y {0}"})("a {1} of \\1") == "\\1 y {1}"


@pytest.mark.parametrize(
    ("variables", "spanish"),
    [
        ({"LANG": "es_ES.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "es_MX"}, True),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "es", "LC_ALL": ""}, True),
        ({}, False),
    ],
)
def test_the_language_is_that_of_the_environment(variables: dict[str, str], spanish: bool) -> None:
    settings = LanguageSettings(
        lc_all=variables.get("LC_ALL", ""),
        lc_messages=variables.get("LC_MESSAGES", ""),
        lang=variables.get("LANG", ""),
    )
    assert settings.spanish is spanish
