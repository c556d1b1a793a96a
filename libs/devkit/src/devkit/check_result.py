"""A check of something large, and its result on one line of JSON: passed, failed, or not run."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import orjson

PASSED, FAILED, NOT_RUN = 0, 1, 3


class NotRun(RuntimeError):
    """Something of the machine is missing; the message says what, and what would help."""


class Failed(RuntimeError):
    """The check failed; the message says where."""


def print_result(check: Callable[[], dict[str, Any]]) -> int:
    """Prints the result of `check` (it has "ok" in it) or why there is none; the exit code.

    SIGTERM unwinds it as Ctrl-C does: what it started is stopped.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        result = check()
        code = PASSED if result["ok"] else FAILED
    except NotRun as reason:
        show_progress(f"NOT RUN: {reason}")
        result, code = {"ok": None, "not_run": str(reason)}, NOT_RUN
    except Exception as error:  # noqa: BLE001 - what failed is the result
        cause = first_cause(error)
        result, code = {"ok": False, "error": f"{type(cause).__name__}: {cause}"}, FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    print(orjson.dumps(result).decode())
    return code


def first_cause(error: BaseException) -> BaseException:
    """What is inside a task group's error."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def show_progress(line: str) -> None:
    """On stderr: stdout is for the result alone."""
    print(line, file=sys.stderr, flush=True)
