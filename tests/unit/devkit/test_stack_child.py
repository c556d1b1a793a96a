import io

import pytest

from devkit.stack.child import next_delay
from devkit.stack.child_lines import LONGEST_LINE, Lines, colours, prefix, split_lines
from devkit.stack.settings import wants_colour


def test_the_delay_doubles_up_to_five_seconds() -> None:
    delays: list[float] = []
    for _ in range(7):
        delays.append(next_delay(delays[-1] if delays else None, lived=0.1))
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_steady_life_starts_the_delays_anew() -> None:
    assert next_delay(3.2, lived=10.0) == 0.2


@pytest.mark.parametrize(
    ("pending", "chunk", "lines", "rest"),
    [
        (b"", b"one\ntwo\nthr", ["one", "two"], b"thr"),
        (b"thr", b"ee\r\n", ["three"], b""),
        (b"\xc3", b"\xb1\n", ["ñ"], b""),
        (b"", b"\xff\n", ["�"], b""),
    ],
)
def test_chunks_become_whole_lines(
    pending: bytes, chunk: bytes, lines: list[str], rest: bytes
) -> None:
    assert split_lines(pending, chunk) == (lines, rest)


def test_a_line_without_end_is_shown_in_pieces() -> None:
    lines, rest = split_lines(b"x" * LONGEST_LINE, b"x")
    assert (len(lines[0]), rest) == (LONGEST_LINE + 1, b"")


def test_the_last_line_is_shown_though_it_has_no_end() -> None:
    out = io.StringIO()
    lines = Lines(out, "sender |")
    lines.feed(b"first\nlast")
    lines.feed(b"")
    assert out.getvalue() == "sender | first\nsender | last\n"
    assert list(lines.recent) == ["first", "last"]


def test_children_get_different_colours_and_none_when_not_wanted() -> None:
    wanted, unwanted = colours(True), colours(False)
    assert next(wanted) != next(wanted)
    assert next(unwanted) is None
    assert prefix("router", None) == "router       |"
    assert prefix("router", 36) == "\x1b[36mrouter       |\x1b[0m"


def test_a_stream_that_is_no_terminal_gets_no_colour() -> None:
    assert not wants_colour(io.StringIO())
