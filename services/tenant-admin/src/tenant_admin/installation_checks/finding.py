"""What a check found, and how checks are run: none can hang or break the others."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Literal, TypeVar

State = Literal["ok", "warning", "failed", "not run"]
CHECK_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """message: what was seen. fix: what to do; empty where nothing is to be done."""

    check: str
    state: State
    message: str
    fix: str = ""


class NotRun(Exception):
    """A check cannot be made. Its text is why; `fix` is what would make it possible."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.fix = fix


Check = Callable[[], Iterable[Finding]]


def run_checks(checks: Mapping[str, Check], seconds: float = CHECK_SECONDS) -> list[Finding]:
    """All at once, each in a thread that is left behind when it is late; in the order given."""
    until = monotonic() + seconds
    found: dict[str, list[Finding]] = {}
    threads = [
        threading.Thread(target=run_into, args=(found, name, check), daemon=True)
        for name, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - monotonic()))
    late = f"did not end within {seconds:g} s"
    return [
        finding
        for name in checks
        for finding in found.get(name)
        or [Finding(name, "failed", late, "look whether what it asks is overloaded or cut off")]
    ]


def run_into(found: dict[str, list[Finding]], name: str, check: Check) -> None:
    found[name] = findings_of(name, check)


def findings_of(name: str, check: Check) -> list[Finding]:
    try:
        return list(check())
    except NotRun as why:
        return [Finding(name, "not run", str(why), why.fix)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are told
        words = str(error).strip().splitlines()
        text = f"{type(error).__name__}: {words[0][:200]}" if words else type(error).__name__
        return [Finding(name, "failed", text, "see the reason; OPERATIONS.md, troubleshooting")]
