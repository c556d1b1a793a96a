"""Texts compared as people mean them: without case, accents, punctuation, symbols and emoji."""

import unicodedata
from functools import lru_cache

REMOVED = {"Mn", "Me", "Cf"}  # accents, variation selectors, keycaps, zero-width characters
SEPARATORS = "PSZC"  # punctuation, symbols, spaces (also NBSP), control characters


def folded(text: str) -> str:
    """Words between single spaces; "" for a text without a letter or a digit."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(map(folded_character, decomposed)).casefold().split())


@lru_cache(maxsize=10_000)
def folded_character(character: str) -> str:
    """Cached: every short message of every turn is folded."""
    category = unicodedata.category(character)
    if category in REMOVED:
        return ""
    return " " if category[0] in SEPARATORS else character
