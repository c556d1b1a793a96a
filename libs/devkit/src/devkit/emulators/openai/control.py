"""The emulator's own API, for tests and load runs: delay, faults, rules, journal, reset."""

import time
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devkit.emulators.json_api import answer, control_routes, given
from devkit.emulators.openai.config import Rule
from devkit.emulators.openai.faults import Fault
from devkit.emulators.openai.rate_limit import RateLimit
from devkit.emulators.openai.state import State


@dataclass(frozen=True, slots=True)
class Delay:
    ms: float


@dataclass(frozen=True, slots=True)
class KeyLimit:
    key: str
    requests_per_minute: float

    def __post_init__(self) -> None:
        if self.requests_per_minute <= 0:
            raise ValueError("requests_per_minute: more than 0")


class Control:
    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        return control_routes(
            ("POST", "delay", self.set_delay),
            ("POST", "faults", self.add_fault),
            ("GET", "faults", self.show_faults),
            ("POST", "rules", self.add_rule),
            ("POST", "limits", self.set_limit),
            ("GET", "journal", self.show_journal),
            ("POST", "reset", self.reset),
            wrong=400,
        )

    async def set_delay(self, request: Request) -> Response:
        """Before every answer that no rule delays."""
        delay = await given(request, Delay)
        self.state.delay_seconds = delay.ms / 1000
        return answer(asdict(delay))

    async def add_fault(self, request: Request) -> Response:
        self.state.faults.pending.append(await given(request, Fault))
        return await self.show_faults(request)

    async def show_faults(self, request: Request) -> Response:
        faults = self.state.faults
        return answer({"pending": len(faults.pending), "injected": dict(faults.injected)})

    async def add_rule(self, request: Request) -> Response:
        """Before all that exist."""
        self.state.rules.insert(0, await given(request, Rule))
        return answer({"rules": len(self.state.rules)})

    async def set_limit(self, request: Request) -> Response:
        """Of one key, from now on."""
        limit = await given(request, KeyLimit)
        full = RateLimit.full(limit.requests_per_minute, time.monotonic())
        self.state.limits[limit.key] = full
        return answer({"limited": True})

    async def show_journal(self, request: Request) -> Response:
        """?limit= newest calls (100), ?contains= in the body; with counters since the reset."""
        part = request.query_params.get("contains", "").encode()
        limit = int(request.query_params.get("limit", 100))
        entries = [entry for entry in self.state.journal if part in entry.body]
        shown = [entry.as_json() for entry in entries[-limit:]]
        return answer({"calls": asdict(self.state.calls), "requests": shown})

    async def reset(self, request: Request) -> Response:
        self.state.reset()
        return answer({"reset": True})
