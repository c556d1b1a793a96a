"""Which messages are commands: stop, start again, a person please."""

import re
from collections.abc import Iterable

from common.command_words import POLITENESS, Command, default_words, folded_words, listed
from common.description import without_descriptions
from common.events import TenantSettings
from common.folded_text import folded

LONGEST_COMMAND = 100  # characters
POLITE = "|".join(listed(POLITENESS))
POLITE_ENDS = re.compile(f"^(?:(?:{POLITE}) )+|(?: (?:{POLITE}))+$")


def command_of(text: str, settings: TenantSettings) -> Command | None:
    """A message that is nothing but one of the words and politeness. Opt-out words come first.

    It may stand under a photo, or after the ad that the contact came from.
    """
    written = without_descriptions(text)
    whole = folded(written) if len(written) <= LONGEST_COMMAND else ""
    if not whole:
        return None
    readings = {whole, without_politeness(whole)}
    own = {"opt_out": settings.opt_out_words, "handover": settings.handoff_words}
    for command, words in default_words(settings.language).items():
        if readings & words or readings & folded_words(own.get(command, ())):
            return command
    return None


def without_politeness(text: str) -> str:
    """A folded text without politeness at its ends; a word said again and again only once."""
    words = POLITE_ENDS.sub("", text).split()
    return words[0] if len(set(words)) == 1 else " ".join(words)


def last_command(texts: Iterable[str], settings: TenantSettings) -> Command | None:
    """The newest command among the messages of a turn."""
    commands = [command_of(text, settings) for text in texts]
    return next((command for command in reversed(commands) if command), None)
