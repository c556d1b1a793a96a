"""A check of something large, and its verdict on one line of JSON: held, failed, or not run."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import orjson

HELD, FAILED, NOT_RUN = 0, 1, 3


class NotRun(RuntimeError):
    """Something of the machine is missing; the message says what, and what would help."""


class Failed(RuntimeError):
    """The check failed; the message says where."""


def pronounce(check: Callable[[], dict[str, Any]]) -> int:
    """Prints what `check` finds, which has "ok" in it, or why it did not; gives the exit code.

    SIGTERM unwinds it as Ctrl-C does: what it started is stopped.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        verdict = check()
        code = HELD if verdict["ok"] else FAILED
    except NotRun as reason:
        aside(f"NOT RUN: {reason}")
        verdict, code = {"ok": None, "not_run": str(reason)}, NOT_RUN
    except Exception as error:  # noqa: BLE001 - whatever failed is the verdict
        cause = first_cause(error)
        verdict, code = {"ok": False, "error": f"{type(cause).__name__}: {cause}"}, FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    print(orjson.dumps(verdict).decode())
    return code


def first_cause(error: BaseException) -> BaseException:
    """What is inside a task group's error."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def aside(line: str) -> None:
    """Progress: stdout is for the verdict alone."""
    print(line, file=sys.stderr, flush=True)
