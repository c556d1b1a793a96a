"""Reads a business out of an assistant's instructions: its name, its language, its facts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

LANGUAGE_WORDS = {
    "es": "el la los las de que y en un una eres con para del al responde cliente sobre horario",
    "en": "the of and to in you are for with is answer customer about our hours",
    "pt": "o os as de que e em um uma você com para do da responda cliente sobre não",
}
WORDS_BY_LANGUAGE = {code: frozenset(words.split()) for code, words in LANGUAGE_WORDS.items()}
LABELLED_NAME = re.compile(
    r"^\W*(?:negocio|empresa|nombre|business|company|name|nome)\W*:\W*(.+)$", re.I | re.M
)
NAME = r"((?:(?:la|el|los|las|the|o|a)\s+)?[A-ZÁÉÍÓÚÑÇ0-9][^.,;:\n()«»\"“”*|]*)"
NAMED = re.compile(rf"\b(?:de|del|da|do|para|of|for|at)\s+[«\"“*]*(?!WhatsApp\b){NAME}")
PLACE_OR_ARTICLE = re.compile(r"^(?:la|el|los|las|the|o|a) |\s+(?:en|in|em) [A-ZÁÉÍÓÚÑ].*")
COMMAND = re.compile(
    r"^\W*(?:eres|responde|contesta|habla|usa|no |nunca|siempre|si |cuando|you are|answer|reply|"
    r"use|never|always|if |when|do not|don't|você é|responda)\b",
    re.I,
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÁÉÍÓÚÑ¿¡])")
BULLET = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Business:
    """`facts` are the statements of the instructions, each with the list below it, if any."""

    name: str
    language: str
    facts: tuple[str, ...]


@lru_cache(maxsize=1024)
def read_business(instructions: str) -> Business:
    return Business(
        name=name_of(instructions),
        language=language_of(instructions),
        facts=tuple(fact for fact in facts_of(instructions) if not COMMAND.match(fact)),
    )


def name_of(instructions: str) -> str:
    """Empty when the instructions name nobody."""
    found = LABELLED_NAME.search(instructions) or NAMED.search(instructions)
    if not found:
        return ""
    return PLACE_OR_ARTICLE.sub("", found.group(1)).strip(' \t*_«»"“”.')


def language_of(instructions: str) -> str:
    """es, en or pt, by its small words; es when nothing speaks for another."""
    words = re.findall(r"[^\W\d_]+", instructions.lower())
    return max(
        WORDS_BY_LANGUAGE, key=lambda code: sum(word in WORDS_BY_LANGUAGE[code] for word in words)
    )


def facts_of(instructions: str) -> Iterable[str]:
    """Paragraphs by line; bullets belong to the heading above them; long lines by sentence."""
    fact: list[str] = []
    for line in filter(str.strip, instructions.splitlines()):
        if BULLET.match(line) and fact:
            fact.append("- " + BULLET.sub("", line).strip())
            continue
        if fact:
            yield from split_fact(fact)
        fact = [line.strip().lstrip("#").strip()]
    if fact:
        yield from split_fact(fact)


def split_fact(lines: list[str]) -> Iterable[str]:
    if len(lines) > 1:
        yield "\n".join(lines)
        return
    yield from SENTENCE_END.split(BULLET.sub("", lines[0]))
