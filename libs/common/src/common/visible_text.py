"""Whether a person can see anything of a text. Pure."""

import unicodedata

# Letters and symbols to Unicode, nothing to the eye: Hangul fillers and the empty braille pattern.
BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def visible(text: str) -> bool:
    """Whether a person can see anything of it."""
    return any(
        unicodedata.category(character)[0] in "LNPS" and character not in BLANK
        for character in text
    )
