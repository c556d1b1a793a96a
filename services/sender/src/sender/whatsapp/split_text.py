"""Splits a text that is longer than WhatsApp accepts: 4,096 characters. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from sender.whatsapp.graphemes import boundaries, end_within, is_boundary, utf16_length
from sender.whatsapp.marks import MARKS
from sender.whatsapp.spans import Span, spans_of

LIMIT = 4096
SHORTEST = 40  # a part: less than that leaves no room beside the marks
MARKS_AT_A_CUT = 4  # *~_ and `, or ```
NEAR_THE_END = 100
TRIES = 20  # breaks that are looked at, if none before leaves the styles as they were
LONGEST_LINE = 4 * LIMIT  # that is looked at: what is longer has no sense to keep
# In the order of preference; the part ends where the match begins, the next one where it ends.
BREAKS = [
    re.compile(pattern)
    for pattern in (r"\n(?:[ \t]*\n)+", r"\n", r"(?<=[.!?…])[ \t]+", r"(?<=[;,:])[ \t]+", r"[ \t]+")
]
STARTS_A_LINE = re.compile(r"[-*] |\d{1,3}\. |>")
ONLY_A_MARKER = re.compile(r"\s*(?:[-*]|\d{1,3}\.|>)?")
NO_TEXT = "*_~`> \t\n"


class Cut(NamedTuple):
    end: int  # of the part
    start: int  # of the next one


def split_text(text: str, limit: int = LIMIT) -> list[str]:
    """Parts of at most `limit` UTF-16 units with the whole text, except the space at the cuts.

    Marks and code that go on in the next part are closed and opened again. A shorter text stays as
    it is. A blank one has no parts.
    """
    text = text.strip()
    if utf16_length(text) <= limit:
        return [text] if text else []
    return list(parts_of(text, max(limit, SHORTEST)))


def parts_of(text: str, limit: int) -> Iterator[str]:
    spans = sorted(spans_of(text))
    start, opened = 0, ""
    while utf16_length(opened + text[start:]) > limit:
        spans = [span for span in spans if span.end > start]
        units = limit - len(opened) - MARKS_AT_A_CUT * any_marked(spans, start + limit)
        end = end_within(text, start, units)
        cut = best_cut(text, opened, start, end, spans)
        around = marks_around(cut, spans)
        yield opened + trimmed(text[start : cut.end], around) + "".join(reversed(around))
        start = cut.start
        opened = quote_around(text, cut) + "".join(around)
    if rest := text[start:].rstrip():
        yield opened + rest


def marks_around(cut: Cut, spans: Sequence[Span]) -> list[str]:
    """What is closed at the cut and opened after it, the outer ones first."""
    return sorted((span.mark for span in spans if span.can_reopen(cut.end)), key=nesting)


def any_marked(spans: Sequence[Span], end: int) -> bool:
    return any(span.mark for span in takewhile(lambda span: span.start < end, spans))


def nesting(mark: str) -> int:
    return MARKS.index(mark) if mark in MARKS else len(MARKS)


def trimmed(part: str, around: Sequence[str]) -> str:
    """Code keeps its spaces."""
    return part if "```" in around else part.rstrip()


def quote_around(text: str, cut: Cut) -> str:
    """A quote is a mark of its line: its rest is quoted again."""
    line = text.rfind("\n", 0, cut.end) + 1
    return "> " if text[line] == ">" and "\n" not in text[cut.end : cut.start] else ""


def best_cut(text: str, opened: str, start: int, end: int, spans: Sequence[Span]) -> Cut:
    """Before a code block that fits into the next part; else at the first break after which all is
    shown as before; else between any two whole characters."""
    near = list(takewhile(lambda span: span.start <= end, spans))
    for span in near:
        if span.mark == "```" and span.holds(end) and fits_later(text, span, start, end):
            return Cut(span.start, span.start)
    first = None
    for cut in islice(breaks(text, start, end, near), TRIES):
        if is_shown_alike(text, opened, start, cut, marks_around(cut, near)):
            return cut
        first = first or cut
    return first or between_characters(text, start, end, near)


def breaks(text: str, start: int, end: int, spans: Sequence[Span]) -> Iterator[Cut]:
    """The best first: in the second half of the part, in no style; in one; in the first half."""
    middle = (start + end) // 2
    for earliest, inside in ((middle, False), (middle, True), (start, False)):
        for pattern in BREAKS:
            yield from breaks_at(text, start, (earliest, end), pattern, spans, inside)


def is_shown_alike(text: str, opened: str, start: int, cut: Cut, around: Sequence[str]) -> bool:
    """Whether the line of the cut, in two, has the styles that it has in one: signs beside a cut
    may become marks there, or be marks no more."""
    line = text.rfind("\n", start, cut.end) + 1 or start
    end = text.find("\n", cut.start)
    end = end if end >= 0 else len(text)
    if "```" in around or end - line > LONGEST_LINE or not has_marks(text[line:end]):
        return True
    before = (opened if line == start else "") + text[line : cut.end]
    ends, begins = "".join(reversed(around)), "".join(around)
    whole = before + text[cut.end : end]
    return shown(whole) == [
        *shown(before.rstrip() + ends),
        *shown(begins + text[cut.start : end]),
    ]


def has_marks(line: str) -> bool:
    return any(mark in line for mark in MARKS)


def shown(line: str) -> list[tuple[str, frozenset[str]]]:
    """Each letter with its styles; neither space nor marks."""
    styles: list[set[str]] = [set() for _ in line]
    hidden = set()
    for span in spans_of(line):
        for at in range(span.start, span.end):
            styles[at].add(span.mark)
        width = len(span.mark)
        hidden |= {*range(span.start, span.start + width), *range(span.end - width, span.end)}
    letters = enumerate(zip(line, styles, strict=True))
    return [
        (letter, frozenset(around))
        for at, (letter, around) in letters
        if at not in hidden and not letter.isspace()
    ]


def fits_later(text: str, span: Span, start: int, end: int) -> bool:
    return span.end - span.start <= end - start and has_text(text[start : span.start])


def has_text(part: str) -> bool:
    return bool(part.strip(NO_TEXT))


def breaks_at(
    text: str,
    start: int,
    within: tuple[int, int],
    pattern: re.Pattern[str],
    spans: Sequence[Span],
    inside: bool,
) -> Iterator[Cut]:
    for found in reversed(list(pattern.finditer(text, within[0], within[1] + 1))):
        cut = Cut(found.start(), found.end())
        around = [span for span in spans if span.holds(cut.end) or span.holds(cut.start)]
        allowed = all(inside and s.can_reopen(cut.end) and s.can_reopen(cut.start) for s in around)
        if allowed and is_clean(text, start, cut):
            yield whole_space(text, cut, bool(around))


def is_clean(text: str, start: int, cut: Cut) -> bool:
    """Whether the next part begins as its words do here: no list and no accent of its own."""
    line = text[text.rfind("\n", start, cut.end) + 1 : cut.end]
    stays_text = not STARTS_A_LINE.match(text, cut.start) and not ONLY_A_MARKER.fullmatch(line)
    is_as_here = stays_text or "\n" in text[cut.end : cut.start]
    return is_as_here and is_boundary(text, cut.start) and has_text(text[start : cut.end])


def whole_space(text: str, cut: Cut, in_style: bool) -> Cut:
    """A longer space than the part has room for goes on; in code it is part of the text."""
    if in_style or not text[cut.start : cut.start + SHORTEST].isspace():
        return cut
    following = text[cut.start :]
    return Cut(cut.end, cut.start + len(following) - len(following.lstrip()))


def between_characters(text: str, start: int, end: int, spans: Sequence[Span]) -> Cut:
    """Best between two letters: what is beside a mark decides whether it is one."""
    ends = [at for at in boundaries(text, start, end) if at > start]
    near = ends[:NEAR_THE_END]
    whole = [at for at in near if all(span.can_reopen(at) for span in spans if span.holds(at))]
    plain = (at for at in whole if text[at - 1].isalnum() and text[at].isalnum())
    at = next(plain, None) or next(iter(whole), None) or next(iter(ends), end)
    return Cut(at, at)
