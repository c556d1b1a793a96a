"""What children print, as lines with the child's name in front."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)  # ANSI foreground codes, without red
NAME_WIDTH = 12
LONGEST_LINE = 64 * 1024  # bytes; a longer one is shown in pieces
REMEMBERED = 20  # lines, for error messages


def split_lines(pending: bytes, chunk: bytes) -> tuple[list[str], bytes]:
    """The whole lines of `pending + chunk`, and the unfinished rest."""
    *lines, rest = (pending + chunk).split(b"\n")
    if len(rest) > LONGEST_LINE:
        lines, rest = [*lines, rest], b""
    return [line.decode(errors="replace").rstrip("\r") for line in lines], rest


def prefix(name: str, colour: int | None) -> str:
    """`name` in a column of its own."""
    text = f"{name:<{NAME_WIDTH}} |"
    return text if colour is None else f"\x1b[{colour}m{text}\x1b[0m"


@dataclass(slots=True)
class Lines:
    """One child's printer: feed it bytes, it writes prefixed lines to `out`."""

    out: TextIO
    prefix: str
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _pending: bytes = b""

    def feed(self, chunk: bytes) -> None:
        """An empty chunk means the end: what was pending is shown too."""
        lines, self._pending = split_lines(self._pending, chunk or b"\n")
        if not chunk:
            lines, self._pending = [line for line in lines if line], b""
        self.say(*lines)

    def say(self, *lines: str) -> None:
        self.recent.extend(lines)
        self.out.write("".join(f"{self.prefix} {line}\n" for line in lines))
        self.out.flush()


def colours(wanted: bool) -> Iterator[int | None]:
    """A colour for each child in turn; none at all when colours are not wanted."""
    return cycle(COLOURS if wanted else (None,))
