"""What the assistant writes without a model is in the client's language."""

import pytest
from tests.support.builders import a_tenant

from assistant.commands import command_of
from assistant.texts import (
    DISCLOSURES,
    FALLBACKS,
    NOTICES,
    STALE_TEXTS,
    disclosure_text,
    fallback_text,
    notice,
    stale_text,
)
from common.command_words import WORDS, Command
from common.events import TenantSettings

every_language = pytest.mark.parametrize("language", WORDS)


def test_every_language_has_its_texts() -> None:
    of_a_kind = [FALLBACKS, STALE_TEXTS, DISCLOSURES]
    assert all(set(texts) == set(WORDS) for texts in [NOTICES, *of_a_kind])
    texts = [text for notices in NOTICES.values() for text in notices.values()]
    texts += [text for texts_of in of_a_kind for text in texts_of.values()]
    assert len(set(texts)) == 6 * len(WORDS)


@every_language
def test_the_notice_of_an_opt_out_names_a_word_that_comes_back(language: str) -> None:
    settings = TenantSettings(language=language)
    capitals = [word for word in notice("opt_out", language).split() if word.strip(".").isupper()]
    assert [command_of(word, settings) for word in capitals] == ["opt_in"]


@every_language
def test_who_is_told_that_an_ai_answers_learns_the_word_that_brings_a_person(language: str) -> None:
    settings = TenantSettings(language=language)
    tenant = a_tenant(name="La Plaza", settings={"language": language})
    text = disclosure_text(tenant)
    assert "La Plaza" in text
    words = [word.strip(".") for word in text.split()]
    assert [command_of(word, settings) for word in words if word.isupper() and len(word) > 2] == [
        "handover"
    ]


@pytest.mark.parametrize(
    ("own", "text"), [("Aquí responde una IA.", "Aquí responde una IA."), ("", "")]
)
def test_a_client_may_say_in_its_own_words_that_an_ai_answers(own: str, text: str) -> None:
    assert disclosure_text(a_tenant(settings={"disclosure_text": own})) == text


def test_a_late_apology_is_in_the_clients_language() -> None:
    assert stale_text("pt-BR").startswith("Desculpe a demora")


@pytest.mark.parametrize(
    ("command", "language", "start"),
    [
        ("opt_out", "es-MX", "De acuerdo, no le"),
        ("opt_in", "pt-BR", "Que bom ter você"),
        ("handover", "fr", "Une personne de l'équipe"),
        ("opt_out", "de", "In Ordnung, wir"),
        ("handover", "it", "Una persona del nostro"),
        ("opt_in", "ca", "Benvingut de nou"),
        ("opt_out", "en-GB", "All right, we"),
        ("handover", "nl", "A person from our"),
    ],
)
def test_a_notice_is_in_the_clients_language(command: Command, language: str, start: str) -> None:
    assert notice(command, language).startswith(start)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, FALLBACKS["es"]),
        ({"language": "en"}, FALLBACKS["en"]),
        ({"language": "pt-BR"}, FALLBACKS["pt"]),
        ({"language": "eu"}, FALLBACKS["en"]),
        ({"language": "en", "fallback_text": FALLBACKS["es"]}, FALLBACKS["en"]),
        ({"language": "en", "fallback_text": "Call us: 555 0123"}, "Call us: 555 0123"),
    ],
)
def test_the_fallback_text_is_the_clients_own_or_its_languages(
    settings: dict[str, str], text: str
) -> None:
    assert fallback_text(TenantSettings.model_validate(settings)) == text
