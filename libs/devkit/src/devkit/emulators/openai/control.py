"""The emulator's own API, for tests and load runs: delay, faults, rules, journal, reset."""

import re
from dataclasses import asdict
from typing import Any

import orjson
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devkit.emulators.openai.config import Rule
from devkit.emulators.openai.faults import Fault
from devkit.emulators.openai.state import State

FAULT, RULE = TypeAdapter(Fault), TypeAdapter(Rule)


class Control:
    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        return [
            Route("/control/delay", self.set_delay, methods=["POST"]),
            Route("/control/faults", self.add_fault, methods=["POST"]),
            Route("/control/faults", self.show_faults, methods=["GET"]),
            Route("/control/rules", self.add_rule, methods=["POST"]),
            Route("/control/journal", self.show_journal, methods=["GET"]),
            Route("/control/reset", self.reset, methods=["POST"]),
        ]

    async def set_delay(self, request: Request) -> Response:
        """{ms}: before every answer that no rule delays."""
        try:
            self.state.delay_seconds = float((await request.json())["ms"]) / 1000
        except (KeyError, TypeError, ValueError):
            return bad("expected {ms: number}")
        return JSONResponse({"ms": self.state.delay_seconds * 1000})

    async def add_fault(self, request: Request) -> Response:
        """One Fault as JSON."""
        try:
            self.state.faults.pending.append(FAULT.validate_json(await request.body()))
        except (ValueError, re.error) as error:
            return bad(str(error))
        return await self.show_faults(request)

    async def show_faults(self, request: Request) -> Response:
        faults = self.state.faults
        return JSONResponse({"pending": len(faults.pending), "injected": dict(faults.injected)})

    async def add_rule(self, request: Request) -> Response:
        """One Rule as JSON, before all that exist."""
        try:
            self.state.rules.insert(0, RULE.validate_json(await request.body()))
        except (ValueError, re.error) as error:
            return bad(str(error))
        return JSONResponse({"rules": len(self.state.rules)})

    async def show_journal(self, request: Request) -> Response:
        """?limit= newest calls (100), ?contains= in the body; with counters since the reset."""
        part = request.query_params.get("contains", "").encode()
        try:
            limit = int(request.query_params.get("limit", 100))
        except ValueError:
            return bad("limit: expected a number")
        entries = [entry for entry in self.state.journal if part in entry.body]
        shown: dict[str, Any] = {
            "calls": asdict(self.state.calls),
            "requests": [entry.as_json() for entry in entries[-limit:]],
        }
        return Response(orjson.dumps(shown), media_type="application/json")

    async def reset(self, request: Request) -> Response:
        self.state.reset()
        return JSONResponse({"reset": True})


def bad(why: str) -> Response:
    return JSONResponse({"error": why}, status_code=400)
