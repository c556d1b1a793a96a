"""Pieces of a line to a line with WhatsApp's marks. Pure.

WhatsApp reads *bold*, _italic_ and ~struck~ within one line, and only where no letter or digit is
glued to the outside of a mark and no space to its inside (faq.whatsapp.com, "How to format your
messages"). It has no way to escape: a character that must not be a mark is written as its double.
"""

from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

# A mark that is written later is inside the earlier ones: beside _ the others are not read.
MARKS = BOLD, STRUCK, ITALIC = "*~_"
DOUBLES = str.maketrans("*~_`", "∗∼＿ˋ")


class Piece(NamedTuple):
    """Text within a line. styles: MARKS. verbatim: an address or code, whose characters stay."""

    text: str
    styles: frozenset[str] = frozenset()
    verbatim: bool = False


class Chunk(NamedTuple):
    """What is written: a mark, or a piece's text."""

    text: str
    is_mark: bool = False
    verbatim: bool = False


def marked_line(pieces: Sequence[Piece]) -> str:
    """A style that WhatsApp would not read there is left out, its text never."""
    if any(piece.styles for piece in pieces):
        parts = [part for piece in pieces for part in spaces_apart(piece)]
        chunks = list(with_marks(without_double_spaces(parts)))
    else:
        chunks = [Chunk(piece.text, verbatim=piece.verbatim) for piece in pieces]
    for mark in reversed(MARKS):  # beside _ a mark is not read, beside its double it is
        if any(mark in piece.text for piece in pieces if not piece.verbatim):
            chunks = without_chance_marks(chunks, mark)
    return "".join(chunk.text for chunk in chunks)


def spaces_apart(piece: Piece) -> Iterator[Piece]:
    """Spaces at the ends become pieces, because a mark must touch its words."""
    text = piece.text
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    for part in (text,) if start >= end else (text[:start], text[start:end], text[end:]):
        if part:
            yield piece._replace(text=part)


def without_double_spaces(pieces: Sequence[Piece]) -> list[Piece]:
    """`a ** b ** c` has spaces within its marks and around them."""
    kept = []
    for i, piece in enumerate(pieces):
        before, after = pieces[i - 1 : i], pieces[i + 1 : i + 2]
        is_double = (not before or (not before[0].styles and before[0].text[-1].isspace())) or (
            not after or (not after[0].styles and after[0].text[0].isspace())
        )
        if not (is_double and piece.styles and piece.text.isspace()):
            kept.append(piece)
    return kept


def with_marks(pieces: Sequence[Piece]) -> Iterator[Chunk]:
    opened = [""] * len(pieces)
    closed = [""] * len(pieces)
    inside: list[tuple[int, ...]] = [()] * len(pieces)  # the segments around each piece
    styles = frozenset[str]().union(*(piece.styles for piece in pieces))
    for mark in (mark for mark in MARKS if mark in styles):
        for first, last in segments(pieces, mark, inside):
            if is_free(pieces, first - 1, closed, -1) and is_free(pieces, last + 1, opened, 0):
                opened[first] += mark
                closed[last] = mark + closed[last]
                inside[first : last + 1] = [(*around, first) for around in inside[first : last + 1]]
    for piece, before, after in zip(pieces, opened, closed, strict=True):
        yield from (Chunk(mark, is_mark=True) for mark in before)
        yield Chunk(piece.text, verbatim=piece.verbatim)
        yield from (Chunk(mark, is_mark=True) for mark in after)


def segments(
    pieces: Sequence[Piece], mark: str, inside: Sequence[tuple[int, ...]]
) -> list[tuple[int, int]]:
    """First and last piece of what can be between two marks."""
    by_segment = groupby(range(len(pieces)), lambda i: (mark in pieces[i].styles, inside[i]))
    found = []
    for (has_mark, _), group in by_segment:
        words = [i for i in group if has_mark and not pieces[i].text.isspace()]
        if words:
            found.append((words[0], words[-1]))
    return found


def is_free(pieces: Sequence[Piece], i: int, marks: Sequence[str], touching: int) -> bool:
    """Whether the piece beside a mark leaves it readable."""
    if not 0 <= i < len(pieces):
        return True
    return (
        not marks[i] and not is_word(pieces[i].text[touching]) and not is_mark(pieces[i], touching)
    )


def is_mark(piece: Piece, touching: int) -> bool:
    return piece.text[touching] in MARKS


def is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def without_chance_marks(chunks: Sequence[Chunk], mark: str) -> list[Chunk]:
    """Characters that WhatsApp would read as marks, and that are none, become their doubles."""
    line = "".join(chunk.text for chunk in chunks)
    intended = {at for at, is_mark in places(chunks, MARKS) if is_mark}
    candidates = [at for at, _ in places(chunks, mark)]
    read: set[int] = set()
    for first, last in pairs(line, mark, candidates, intended):
        read |= {first, last}
        if first not in intended:  # those between would be read in their place
            inner = candidates[bisect(candidates, first) : bisect(candidates, last)]
            read.update(at for at in inner if may_be_read(line, at, mark, intended))
    double = mark.translate(DOUBLES)
    read -= intended
    changed = "".join(double if at in read else letter for at, letter in enumerate(line))
    return list(cut_like(chunks, changed))


def pairs(
    line: str, mark: str, candidates: Iterable[int], intended: Collection[int] = ()
) -> Iterator[tuple[int, int]]:
    """Where WhatsApp reads a style: from the first that may open to the next that may close.
    intended: what is meant as a mark; a pair that is half meant does not keep its other half."""
    pending: int | None = None
    for at in candidates:
        if at in intended and pending is not None and pending not in intended:
            yield pending, at
            pending = at
        elif pending is not None and at > pending + 1 and touches(line, at, -1, mark, intended):
            yield pending, at
            pending = pending if pending in intended and at not in intended else None
        elif pending is None and touches(line, at, 1, mark, intended):
            pending = at


def may_be_read(line: str, at: int, mark: str, intended: Collection[int]) -> bool:
    """Or it is in a row of marks, whose others would be replaced."""
    is_in_a_row = mark in (line[at - 1 : at], line[at + 1 : at + 2])
    return is_in_a_row or any(touches(line, at, way, mark, intended) for way in (-1, 1))


def touches(line: str, at: int, inwards: int, mark: str, intended: Collection[int]) -> bool:
    """A mark has text on its one side, and no letter or digit on its other."""
    inside = line[at + inwards : at + inwards + 1] if at + inwards >= 0 else ""
    outside = line[at - inwards : at - inwards + 1] if at - inwards >= 0 else ""
    is_free = not outside or at - inwards in intended or not is_word(outside)
    return bool(inside.strip()) and is_free and outside != mark


def places(chunks: Iterable[Chunk], marks: Sequence[str]) -> Iterator[tuple[int, bool]]:
    """Where marks are in the line, and whether each is meant as one."""
    start = 0
    for chunk in chunks:
        if not chunk.verbatim:
            yield from (
                (start + i, chunk.is_mark) for i, letter in enumerate(chunk.text) if letter in marks
            )
        start += len(chunk.text)


def cut_like(chunks: Iterable[Chunk], line: str) -> Iterator[Chunk]:
    start = 0
    for chunk in chunks:
        yield chunk._replace(text=line[start : start + len(chunk.text)])
        start += len(chunk.text)
