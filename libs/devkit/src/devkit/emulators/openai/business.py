"""Reads a business out of an assistant's instructions: its name, its language, its facts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from devkit.emulators.openai.phrases import SMALL_WORDS

LABELLED_NAME = re.compile(
    r"^\W*(?:negocio|empresa|nombre|business|company|name)\W*:\W*(.+)$", re.I | re.M
)
NAME = r"((?:(?:la|el|los|las|the)\s+)?[A-ZÁÉÍÓÚÑ0-9][^.,;:\n()«»\"“”*|]*)"
NAMED = re.compile(rf"\b(?:de|del|para|of|for|at)\s+[«\"“*]*(?!WhatsApp\b){NAME}")
ARTICLE_OR_CITY = re.compile(r"^(?:la|el|los|las|the) |\s+(?:en|in) [A-ZÁÉÍÓÚÑ].*")
COMMAND = re.compile(
    r"^\W*(?:eres|responde|contesta|habla|usa|no |nunca|siempre|si |cuando|you are|answer|reply|"
    r"use|never|always|if |when|do not|don't)\b",
    re.I,
)
# What Conserje adds to every assistant's instructions, in English: nothing of the business.
ADDED = re.compile(r"^You answer WhatsApp messages for the business described above.*", re.M | re.S)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÁÉÍÓÚÑ¿¡])")
BULLET = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Business:
    """`language` es or en. `facts`: the statements, each with the list below it, if any."""

    name: str
    language: str
    facts: tuple[str, ...]


@lru_cache(maxsize=1024)
def read_business(instructions: str) -> Business:
    instructions = ADDED.sub("", instructions)
    return Business(
        name=name_of(instructions),
        language=language_of(instructions),
        facts=tuple(fact for fact in facts_of(instructions) if not COMMAND.match(fact)),
    )


def name_of(instructions: str) -> str:
    """Empty when the instructions name no business."""
    name = LABELLED_NAME.search(instructions) or NAMED.search(instructions)
    return ARTICLE_OR_CITY.sub("", name[1]).strip(' \t*_«»"“”.') if name else ""


def language_of(instructions: str) -> str:
    """By its small words; es when none speaks for another."""
    words = re.findall(r"[^\W\d_]+", instructions.lower())
    return max(SMALL_WORDS, key=lambda code: sum(word in SMALL_WORDS[code] for word in words))


def facts_of(instructions: str) -> Iterator[str]:
    """Paragraphs by line; bullets belong to the heading above them; long lines by sentence."""
    facts: list[list[str]] = []
    for line in filter(str.strip, instructions.splitlines()):
        if facts and BULLET.match(line):
            facts[-1].append("- " + BULLET.sub("", line).strip())
        else:
            facts.append([line.strip().lstrip("#").strip()])
    for heading, *items in facts:
        yield from (
            ["\n".join((heading, *items))] if items else SENTENCE_END.split(BULLET.sub("", heading))
        )
