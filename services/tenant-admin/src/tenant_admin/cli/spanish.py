"""The commands in Spanish: what is printed for people is looked up right before it is printed.

So the core and the API know one language, and a text is written once, where it belongs.
`spanish.toml` has a translation for each text of the sources; `{0}`, `{1}` stand for what an
f-string fills in, in order. A test finds the texts of the sources that it lacks.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tenant_admin.settings import LanguageSettings

FIELD = re.compile(r"\{(\w+)[^{}]*\}")


class Texts:
    """Translates whole texts. One that it does not know stays as it is."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._exact = {folded(text): other for text, other in table.items()}
        filled = [text for text in table if FIELD.search(text)]
        # The one with the most words of its own is meant.
        filled.sort(key=lambda text: len(FIELD.sub("", text)), reverse=True)
        self._patterns = [(pattern_of(text), table[text]) for text in filled]

    def __call__(self, text: str) -> str:
        if exact := self._exact.get(folded(text)):
            return exact
        for pattern, other in self._patterns:
            if found := pattern.fullmatch(text):
                return FIELD.sub(lambda field: found[f"_{field[1]}"], other)
        return text


def folded(text: str) -> str:
    """Lines of a docstring are wrapped anywhere."""
    return " ".join(text.split())


def pattern_of(text: str) -> re.Pattern[str]:
    parts = FIELD.split(text)
    fixed, names = map(re.escape, parts[::2]), iter(parts[1::2])
    pattern, known = next(fixed), set[str]()
    for part in fixed:
        name = next(names)
        pattern += f"(?P=_{name})" if name in known else f"(?P<_{name}>.*?)"
        pattern += part
        known.add(name)
    return re.compile(pattern, re.DOTALL)


def spanish_texts() -> dict[str, str]:
    """Also of what Typer says, and of what is put together."""
    tables = spanish_tables()
    return {**tables["texts"], **tables["more"]}


def spanish_of_sources() -> dict[str, str]:
    return spanish_tables()["texts"]


def spanish_tables() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("spanish.toml").read_text(encoding="utf-8"))


@cache
def texts() -> Texts:
    """In the language of LC_ALL, LC_MESSAGES or LANG: Spanish, or as they are."""
    return Texts(spanish_texts() if LanguageSettings().spanish else {})
