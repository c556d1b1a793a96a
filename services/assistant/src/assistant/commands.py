"""Words that are commands: stop, start again, a person please; and the notices in return."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from common.events import TenantSettings

Command = Literal["opt_out", "opt_in", "handover"]
OPT_IN_WORDS = ("START", "ALTA")
HANDOVER_HOURS = 12
LONGEST_COMMAND = 100  # characters
DESCRIPTIONS = re.compile(r"\A(?:\[[^\]]*\]\s*)+")  # the router's, before the contact's words

NOTICES: dict[str, dict[Command, str]] = {
    "es": {
        "opt_out": "De acuerdo, no le escribiremos más. Si quiere volver, envíe ALTA.",
        "opt_in": "Bienvenido de nuevo. ¿En qué podemos ayudarle?",
        "handover": "Le paso con una persona del equipo. Le responderá en cuanto pueda.",
    },
    "en": {
        "opt_out": "All right, we will not write again. To come back, send START.",
        "opt_in": "Welcome back. How can we help you?",
        "handover": "A person from our team will take over and answer as soon as possible.",
    },
}


def command_of(text: str, settings: TenantSettings) -> Command | None:
    """A message that is nothing but one of the words; case and accents do not matter.

    It may stand under a photo, or after the ad that the contact came from.
    """
    words = DESCRIPTIONS.sub("", text)
    word = folded(words) if len(words) <= LONGEST_COMMAND else ""
    if not word:
        return None
    if word in folded_words(settings.opt_out_words):
        return "opt_out"
    if word in folded_words(OPT_IN_WORDS):
        return "opt_in"
    if word in folded_words(settings.handoff_words):
        return "handover"
    return None


def last_command(texts: Iterable[str], settings: TenantSettings) -> Command | None:
    """The newest command among the messages of a turn."""
    commands = [command_of(text, settings) for text in texts]
    return next((command for command in reversed(commands) if command), None)


def notice(command: Command, language: str) -> str:
    """In Spanish for es-*, else in English."""
    return NOTICES["es" if language.startswith("es") else "en"][command]


@lru_cache(maxsize=10_000)
def folded_words(words: tuple[str, ...]) -> frozenset[str]:
    """Clients' words, folded once: this was a tenth of a turn's CPU."""
    return frozenset(map(folded, words))


def folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.strip(" \t\n.,!¡¿?").casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
