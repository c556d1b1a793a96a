"""What the stack reads from the environment about this machine and this terminal."""

import os
from pathlib import Path
from typing import TextIO


def cache_dir() -> Path:
    """Where downloads are kept between runs: $XDG_CACHE_HOME/conserje, else ~/.cache/conserje."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conserje"


def wants_colour(stream: TextIO) -> bool:
    """False when the stream is not a terminal or NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
