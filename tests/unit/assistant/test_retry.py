"""When a turn asks the model again: one row for each kind of failure and what is left of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

import pytest
from tests.support.builders import NOON
from tests.support.clock import FixedClock

from assistant.openai.gateway import ModelGateway
from assistant.openai.http_error import read_http_error
from assistant.openai.model_server import ModelServer
from assistant.openai.response import ModelAnswer, ModelFailure, Usage, read_response
from assistant.openai.retry import seconds_until_retry

NEVER = None
BODY: dict[str, Any] = {"model": "gpt-6-luna", "input": [], "max_output_tokens": 800}


def http(status: int, code: str | None = None, **headers: str) -> ModelFailure:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_http_error(status, {"error": {"code": code}}, names)


def response(**body: object) -> ModelFailure:
    read = read_response({"output": [], **body})
    assert isinstance(read, ModelFailure)
    return read


RESETS = {"x_ratelimit_reset_requests": "10s", "x_ratelimit_reset_tokens": "120ms"}
FAILED = {"status": "failed"}


@pytest.mark.parametrize(
    ("failure", "calls", "seconds", "shortest", "longest"),
    [
        (http(429, "rate_limit_exceeded"), 1, 0, 2, 4),
        (http(429, "rate_limit_exceeded"), 4, 30, 16, 32),
        (http(429, "slow_down", retry_after="5"), 1, 0, 5, 10),
        (http(429, "rate_limit_exceeded", **RESETS), 1, 0, 10, 20),
        (http(429, "rate_limit_exceeded", retry_after="300"), 1, 10, 60, 110),  # the budget's end
        (http(429, "rate_limit_exceeded"), 40, 59, 60, 61),
        (http(429, "rate_limit_exceeded"), 40, 70, 25, 50),  # before two minutes are over
        (http(429, "rate_limit_exceeded"), 1, 119.5, NEVER, NEVER),
        (ModelFailure("put_off:rate_limit", "put_off", 0.3), 9, 0, 0.3, 0.3),
        (ModelFailure("put_off:rate_limit", "put_off", 900.0), 1, 60, 30, 60),
        (ModelFailure("put_off:rate_limit", "put_off", 0.3), 1, 119.5, NEVER, NEVER),
        (response(**FAILED, error={"code": "rate_limit_exceeded"}), 1, 0, 2, 4),
        (http(429, "credit_balance_exhausted"), 1, 0, NEVER, NEVER),
        (http(401, "invalid_api_key"), 1, 0, NEVER, NEVER),
        (http(403), 1, 0, NEVER, NEVER),
        (http(404, "model_not_found"), 1, 0, NEVER, NEVER),
        (http(400, "unsupported_value"), 1, 0, NEVER, NEVER),
        (http(400, "context_length_exceeded"), 1, 0, NEVER, NEVER),
        (http(408), 1, 0, 0, 1),
        (http(409), 2, 0, 0, 2),
        (http(500, "server_error"), 3, 0, NEVER, NEVER),
        (http(503, retry_after="5"), 1, 0, 5, 6),
        (http(529), 1, 0, 0, 1),
        (ModelFailure("connection", "transient"), 1, 0, 0, 1),
        (read_response(None), 1, 0, 0, 1),
        (response(**FAILED, error={"code": "server_error"}), 1, 0, 0, 1),
        (ModelFailure("deadline", "deadline"), 1, 45, 0, 0),
        (ModelFailure("deadline", "deadline"), 1, 75, NEVER, NEVER),
        (ModelFailure("deadline", "deadline"), 2, 60, NEVER, NEVER),
        (http(500), 1, 76, NEVER, NEVER),
        (response(**FAILED, error={"code": "invalid_prompt"}), 1, 0, NEVER, NEVER),
        (response(incomplete_details={"reason": "content_filter"}), 1, 0, NEVER, NEVER),
        (response(incomplete_details={"reason": "max_output_tokens"}), 1, 0, NEVER, NEVER),
        (response(), 1, 0, NEVER, NEVER),
        (ModelFailure("refusal"), 1, 0, NEVER, NEVER),
        (ModelFailure("breaker_open:billing"), 1, 0, NEVER, NEVER),
        (ModelFailure("breaker_open:http_503", "stopped", 30.0), 3, 10, 30, 31),
        (ModelFailure("breaker_open:http_503", "stopped", 30.0), 9, 45, 30, 31),
        (ModelFailure("breaker_open:http_503", "stopped", 30.0), 1, 46, NEVER, NEVER),
    ],
)
def test_a_failure_is_tried_again_where_that_can_help(
    failure: ModelFailure,
    calls: int,
    seconds: float,
    shortest: float | None,
    longest: float | None,
) -> None:
    assert seconds_until_retry(failure, calls, seconds, lambda: 0.0) == shortest
    assert seconds_until_retry(failure, calls, seconds, lambda: 1.0) == longest


@pytest.mark.parametrize("asked", [{}, {"retry_after": "10"}, {"retry_after": "60"}])
def test_turns_that_met_a_rate_limit_together_do_not_come_back_together(
    asked: dict[str, str],
) -> None:
    failure, random = http(429, **asked), Random(7).random
    waits = [seconds_until_retry(failure, 1, 0.0, random) or 0.0 for _ in range(1000)]
    tenths = [int(wait * 10) for wait in waits]
    assert max(tenths.count(tenth) for tenth in set(tenths)) <= 80
    assert min(waits) >= failure.retry_after


@dataclass
class VirtualTime:
    """Seconds that pass when every task of the test waits."""

    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    waiting: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    async def sleep(self, seconds: float) -> None:
        due = asyncio.get_running_loop().create_future()
        heappush(self.waiting, (self.clock.ticks + seconds, next(self.numbers), due))
        await due

    async def run(self, until: float) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        while self.waiting and self.waiting[0][0] <= until:
            self.clock.ticks, _, due = heappop(self.waiting)
            due.set_result(None)
            for _ in range(3):
                await asyncio.sleep(0)


@dataclass
class LimitedServer:
    """Takes ten calls at once and one more a second; answers after half a second."""

    time: VirtualTime
    free: float = 10.0
    last: float = 0.0
    refused: list[float] = field(default_factory=list)

    async def ask(
        self, server: ModelServer, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        now = self.time.clock.ticks
        self.free, self.last = min(10.0, self.free + now - self.last), now
        is_taken = self.free >= 1
        self.free -= is_taken
        await self.time.sleep(0.5)
        if is_taken:
            return ModelAnswer("hola", Usage("m"))
        self.refused.append(now)
        return http(429, "rate_limit_exceeded")


@dataclass
class Turns:
    """Turns of one key that begin at once; each asks again as it is told."""

    server: LimitedServer
    random: Callable[[], float] = Random(7).random
    retries: list[float] = field(default_factory=list)
    answered: int = 0
    given_up: int = 0

    async def run(self, turns: int, until: float) -> None:
        gateway = ModelGateway(self.server, self.server.time.clock, 45.0)
        tasks = [asyncio.create_task(self.turn(gateway)) for _ in range(turns)]
        await self.server.time.run(until)
        for task in tasks:
            task.cancel()

    async def turn(self, gateway: ModelGateway) -> None:
        time = self.server.time
        for tries in count(1):
            now = time.clock.ticks
            answer = await gateway.ask(ModelServer("key"), lambda turns: dict(BODY), [], tries, now)
            if isinstance(answer, ModelAnswer):
                self.answered += 1
                return
            wait = seconds_until_retry(answer, tries, time.clock.ticks, self.random)
            if wait is None:
                self.given_up += 1
                return
            self.retries.append(time.clock.ticks + wait)
            await time.sleep(wait)


async def test_sixty_contacts_at_once_on_a_key_of_sixty_a_minute_are_all_answered() -> None:
    turns = Turns(LimitedServer(VirtualTime()))
    await turns.run(60, until=130.0)
    assert (turns.answered, turns.given_up) == (60, 0)


async def test_a_thousand_turns_do_not_hammer_a_key_of_sixty_a_minute() -> None:
    """No fallback within two minutes, the limit is used, and no two come back together."""
    turns = Turns(LimitedServer(VirtualTime()))
    await turns.run(1000, until=118.0)
    assert turns.given_up == 0
    assert turns.answered >= 80
    later = [time for time in turns.server.refused if time > 20.0]
    tenths = Counter(int(time * 10) for time in turns.retries)
    assert len(later) <= 60
    assert max(tenths.values()) <= len(turns.retries) * 0.05
