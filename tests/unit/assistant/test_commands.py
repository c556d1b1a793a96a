"""Which messages are commands, and the notices that confirm them."""

import pytest

from assistant.commands import command_of, last_command, notice
from common.events import TenantSettings

SETTINGS = TenantSettings(opt_out_words=("STOP", "BAJA", " "), handoff_words=("Atención", "human"))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("STOP", "opt_out"),
        ("  ¡baja!\n", "opt_out"),
        ("Stop.", "opt_out"),
        ("start", "opt_in"),
        ("alta", "opt_in"),
        ("atencion", "handover"),
        ("ATENCIÓN", "handover"),
        ("Atención", "handover"),
        ("human?", "handover"),
        ("no me des de baja", None),
        ("stop stop", None),
        ("", None),
        ("?!", None),
        ("[photo] Baja", "opt_out"),
        ("[from an ad: Oferta] [photo] STOP", "opt_out"),
        ("[photo]", None),
        ("[photo", None),
        ("[photo] no me des de baja", None),
        (f"[form: {'x' * 200}] human", "handover"),
    ],
)
def test_only_a_whole_message_is_a_command(text: str, meaning: str | None) -> None:
    assert command_of(text, SETTINGS) == meaning


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
    assert last_command(texts, SETTINGS) == meaning


def test_notices_are_spanish_for_spanish_clients_and_english_for_the_rest() -> None:
    assert "ALTA" in notice("opt_out", "es-MX")
    assert "START" in notice("opt_out", "en")
    assert notice("handover", "fr") == notice("handover", "en")
