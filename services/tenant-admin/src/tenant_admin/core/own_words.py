"""Command words that a client adds to those of its language: each a word, with one meaning."""

from collections.abc import Mapping

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from common.command_words import Command, default_words, folded_words
from common.events import TenantSettings
from common.folded_text import folded

COMMANDS: Mapping[str, Command] = {"handoff_words": "handover", "opt_out_words": "opt_out"}
LANGUAGE = TenantSettings().language


def with_a_letter(word: str) -> str:
    if not folded(word):
        fix = "write a word: punctuation, symbols and emoji are not compared"
        raise PydanticCustomError("word", "has no letter and no digit", {"fix": fix})
    return word


def with_one_meaning(words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """Compared with the other commands' default words and, if checked before, own words."""
    others = other_words(info)
    for word in words:
        for command, taken in others.items():
            if folded(word) in taken:
                context = {"word": word, "command": command}
                context["fix"] = f"use another word, or leave this one to {command}"
                raise PydanticCustomError("word", "'{word}' already means {command}", context)
    return words


def other_words(info: ValidationInfo) -> Mapping[Command, frozenset[str]]:
    """Folded words of the commands that the checked setting is not about."""
    defaults = default_words(info.data.get("language", LANGUAGE))
    handover = defaults["handover"] | folded_words(info.data.get("handoff_words", ()))
    every: Mapping[Command, frozenset[str]] = {**defaults, "handover": handover}
    return {each: every[each] for each in every if each != COMMANDS[str(info.field_name)]}
