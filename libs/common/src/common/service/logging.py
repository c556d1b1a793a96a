"""Structured logs: a constant event name plus fields, JSON in production, columns at a terminal.

What must never be in a log (texts, phone numbers, secrets) is redacted by field name, and
exceptions are logged as type and frames: their messages quote data.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

FORBIDDEN = frozenset(
    {"text", "body", "content", "caption", "phone", "phone_number", "wa_id", "contact"}
    | {"contact_id", "contact_name", "conversation", "key", "token", "secret", "secrets"}
    | {"api_key", "access_token", "authorization", "password", "instructions", "payload"}
    | {"value", "database_url"}
)
REDACTED = "[redacted]"
QUIET_SECONDS, LINES_REMEMBERED = 10.0, 1000


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for field in FORBIDDEN & event.keys():
        event[field] = REDACTED
    return event


def describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """exc_info becomes the exception's types and code frames, innermost last."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["frames"] = frames(error)
    return event


def frames(error: BaseException) -> list[str]:
    stack = traceback.extract_tb(error.__traceback__)
    return [f"{frame.name} {frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in stack]


class RepeatedLines(logging.Filter):
    """Of a line that a library writes again and again, one in QUIET_SECONDS.

    aiokafka writes ten a second while a broker is away. Ours have fields and are dicts.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._shown: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, dict):
            return True
        now, line = self._monotonic(), (record.name, record.getMessage())
        if now - self._shown.get(line, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        if len(self._shown) >= LINES_REMEMBERED:
            self._shown.clear()
        self._shown[line] = now
        return True


Style = Literal["json", "console"]


def configure(service: str, level: str = "info", style: Style = "json") -> None:
    """Once per process. Records of other libraries go the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service(service),
        describe_exception,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(RepeatedLines())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer(style),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def add_service(service: str) -> Any:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def renderer(style: Style) -> Any:
    if style == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    return structlog.processors.JSONRenderer(serializer=dumps)


def dumps(event: EventDict, **_: Any) -> str:
    """A line in any case: what orjson refuses (huge numbers, lone surrogates), json escapes."""
    try:
        return orjson.dumps(event, default=repr).decode()
    except TypeError:
        return json.dumps(event, default=repr, skipkeys=True)
