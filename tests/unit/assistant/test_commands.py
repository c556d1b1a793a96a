"""Which messages are commands."""

import pytest

from assistant.commands import command_of, last_command
from common.command_words import ALWAYS, POLITENESS, WORDS, Command
from common.events import TenantSettings

OWN = TenantSettings(opt_out_words=("Cancelar", " "), handoff_words=("Ayúdame", "🙋", "stop"))
DEFAULT_WORDS = [
    (language, command, word)
    for language, own in WORDS.items()
    for commands in (own, ALWAYS)
    for command, words in commands.items()
    for word in words.split(", ")
]


@pytest.mark.parametrize(("language", "command", "word"), DEFAULT_WORDS)
def test_each_default_word_is_its_command(language: str, command: Command, word: str) -> None:
    settings = TenantSettings(language=language, opt_out_words=(), handoff_words=())
    for text in (word, word.upper(), f"*{word}*", f"{word}!! 🙏"):
        assert command_of(text, settings) == command


@pytest.mark.parametrize("phrase", POLITENESS.split(", "))
def test_politeness_around_a_word_does_not_matter(phrase: str) -> None:
    for text in (f"Stop, {phrase}", f"{phrase} STOP", f"{phrase}: stop. ¡{phrase}!"):
        assert command_of(text, TenantSettings()) == "opt_out"
    assert command_of(phrase, TenantSettings()) is None


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("STOP", "opt_out"),
        ("Stop 🛑", "opt_out"),
        ("*STOP*", "opt_out"),
        ("STOP\u00a0", "opt_out"),
        ("\u200bSTOP\ufe0f", "opt_out"),
        ("stop stop STOP", "opt_out"),
        ("  ¡baja!\n", "opt_out"),
        ("(baja)", "opt_out"),
        ("BAJA por favor", "opt_out"),
        ("stop please", "opt_out"),
        ("UNSUBSCRIBE", "opt_out"),
        ("cancelar", "opt_out"),
        ("start", "opt_in"),
        ("Alta, gracias", "opt_in"),
        ("ayudame", "handover"),
        ("AYÚDAME 🙏", "handover"),
        ("¿Persona?", "handover"),
        ("Hablar con una persona", "handover"),
        ("[photo] Baja", "opt_out"),
        ("[from an ad: Oferta] [photo] STOP", "opt_out"),
        (f"[form: {'x' * 200}] persona", "handover"),
    ],
)
def test_case_accents_punctuation_and_emoji_do_not_matter(text: str, command: str) -> None:
    assert command_of(text, OWN) == command


@pytest.mark.parametrize(
    "text",
    [
        "no me des de baja",
        "quiero dar de alta a mi hijo",
        "¿hay parada de autobús, stop, cerca?",
        "don't stop",
        "stop sending the invoice by mail",
        "mesa para una persona",
        "una persona",
        "por favor gracias",
        "gracias",
        "stopped",
        "bajar",
        "",
        " \n",
        "?!",
        "🛑",
        "🙋",
        "\ufe0f\u200d",
        "stop " * 21,
        "[photo]",
        "[photo",
        "[photo] no me des de baja",
    ],
)
def test_a_sentence_with_such_a_word_is_no_command(text: str) -> None:
    assert command_of(text, OWN) is None


@pytest.mark.parametrize("text", ["CANCELAR", "cancel", "fin", "END", "quiero darme de baja"])
def test_what_may_be_about_a_booking_or_a_membership_is_no_command(text: str) -> None:
    assert [command_of(text, TenantSettings(language=each)) for each in WORDS] == [None] * 7


@pytest.mark.parametrize("language", [*WORDS, "nl", "pt-BR"])
def test_stop_always_stops(language: str) -> None:
    settings = TenantSettings(language=language, opt_out_words=(), handoff_words=("stop",))
    assert command_of("Stop", settings) == "opt_out"


@pytest.mark.parametrize(
    ("texts", "meaning"),
    [
        (["stop", "alta"], "opt_in"),
        (["alta", "stop"], "opt_out"),
        (["stop", "gracias"], "opt_out"),
        (["hola", "qué tal"], None),
        ([], None),
    ],
)
def test_the_newest_command_of_a_turn_counts(texts: list[str], meaning: str | None) -> None:
    assert last_command(texts, TenantSettings()) == meaning
