"""Splits a text that is longer than WhatsApp accepts: 4,096 characters. Pure."""

import unicodedata

LIMIT = 4096
FENCE = "```"
JOINERS = "\u200d\ufe0f\ufe0e"
BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "… ", "; ", ", ", " ")


def split_text(text: str, limit: int = LIMIT) -> list[str]:
    """Parts of at most `limit` characters with the whole text, except the space at the cuts.

    A shorter text stays as it is. A blank one has no parts.
    """
    parts = []
    rest = text.strip()
    while len(rest) > limit:
        end = first_part_end(rest, limit)
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def first_part_end(text: str, limit: int) -> int:
    """Where to end the first part: before a code block that would be split, else at the best
    break in the second half of the part, else between any two whole characters."""
    head = text[: limit + 1]
    fence = head.rfind(FENCE)
    if head.count(FENCE) % 2 and fence > 0 and not text[:fence].isspace():
        return fence
    for mark in BREAKS:
        position = head.rfind(mark, limit // 2, limit + 1)
        if position > 0 and not head[:position].isspace():
            return min(position + len(mark.rstrip()), limit)
    return last_whole_character(text, limit)


def last_whole_character(text: str, end: int) -> int:
    """The last position up to `end` that does not separate a letter from its marks or joiners."""
    for position in range(end, max(end - 32, 1), -1):
        after, before = text[position], text[position - 1]
        if not unicodedata.combining(after) and after not in JOINERS and before != JOINERS[0]:
            return position
    return end
