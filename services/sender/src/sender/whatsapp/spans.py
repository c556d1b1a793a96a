"""What WhatsApp reads in a text as code, an address or between marks. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sender.whatsapp.marks import MARKS, pairs

VERBATIM = re.compile(r"(?P<block>```.+?```)|(?P<code>`[^`\n]+`)|https?://[^\s<>]+", re.DOTALL)
NAMES = {"block": "```", "code": "`", None: ""}


class Span(NamedTuple):
    """mark: at both its ends; none: an address."""

    start: int
    end: int
    mark: str

    def holds(self, at: int) -> bool:
        return self.start < at < self.end

    def can_reopen(self, at: int) -> bool:
        """Whether it can be closed there and opened again: not within its marks."""
        return bool(self.mark) and self.start + len(self.mark) < at < self.end - len(self.mark)


def spans_of(text: str) -> list[Span]:
    verbatim = [Span(*found.span(), NAMES[found.lastgroup]) for found in VERBATIM.finditer(text)]
    return [*verbatim, *marked(masked(text, verbatim))]


def masked(text: str, spans: list[Span]) -> str:
    """Their stars are no marks."""
    pieces, end = [], 0
    for span in spans:
        pieces += [text[end : span.start], "\0" * (span.end - span.start)]
        end = span.end
    return "".join([*pieces, text[end:]])


def marked(text: str) -> Iterator[Span]:
    start = 0
    for line in text.split("\n"):
        for mark in MARKS:
            places = (
                [at for at, letter in enumerate(line) if letter == mark] if mark in line else []
            )
            for first, last in pairs(line, mark, places):
                yield Span(start + first, start + last + 1, mark)
        start += len(line) + 1
