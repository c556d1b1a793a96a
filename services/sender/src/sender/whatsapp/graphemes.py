"""Lengths and places within a text, as WhatsApp and a reader count them. Pure."""

import regex

# An own character for the reader: with accents, skin tone, a family, a flag, a keycap (UAX #29).
GRAPHEME = regex.compile(r"\X")


def utf16_length(text: str) -> int:
    """Libraries for WhatsApp count so; Meta does not say whether 4,096 are code points."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def end_within(text: str, start: int, units: int) -> int:
    """Where so many UTF-16 units from `start` end, at least one character later."""
    head = text[start : start + units]
    if utf16_length(head) > units:
        head = head.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")
    return start + max(len(head), 1)


def is_boundary(text: str, at: int) -> bool:
    """Whether a space before `at` stands alone, without an accent or joiner on it."""
    found = GRAPHEME.match(text[at - 1 : at + 1])
    return found is not None and found.end() == 1


def boundaries(text: str, start: int, end: int) -> list[int]:
    """The ends of whole characters, the last first. start: of a whole one."""
    ends = [start + found.end() for found in GRAPHEME.finditer(text[start : end + 2])]
    return [at for at in reversed(ends) if at <= end]
