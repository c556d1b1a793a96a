"""The one mutable thing of the emulator: faults, rules, delay, journal and counters."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from devkit.emulators.openai.config import EmulatorConfig
from devkit.emulators.openai.faults import Faults
from devkit.emulators.openai.rate_limit import RateLimit


@dataclass(slots=True)
class Entry:
    """One call as it came: raw headers and body, and the status it got (0: cut)."""

    at: float
    path: str
    request_id: str
    headers: Iterable[tuple[bytes, bytes]]
    body: bytes
    status: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "path": self.path,
            "request_id": self.request_id,
            "headers": {
                name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers
            },
            "body": decoded(self.body),
            "status": self.status,
        }


def decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


@dataclass(slots=True)
class Calls:
    """Counts since the last reset; `answered` are the model calls that would be paid."""

    received: int = 0
    answered: int = 0
    refused: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    def begin(self) -> None:
        self.received += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)


class State:
    def __init__(self, config: EmulatorConfig) -> None:
        self.config, self.calls = config, Calls()
        self.reset()

    def reset(self) -> None:
        """As started; calls in flight stay counted."""
        self.faults = Faults()
        self.limits: dict[str, RateLimit] = {}  # by API key
        self.rules = list(self.config.rules)
        self.delay_seconds = self.config.delay_seconds
        self.journal: deque[Entry] = deque(maxlen=self.config.journal_size)
        in_flight = self.calls.in_flight
        self.calls = Calls(in_flight=in_flight, most_in_flight=in_flight)

    def record(self, path: str, request_id: str, headers: Any, body: bytes) -> Entry:
        entry = Entry(time.time(), path, request_id, headers, body)
        self.journal.append(entry)
        return entry
