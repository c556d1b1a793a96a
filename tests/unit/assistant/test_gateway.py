"""A turn's calls of the model: adjusted at most once for each thing, remembered, stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.builders import NOON
from tests.support.clock import FixedClock

from assistant.openai.gateway import KNOWN_SECONDS, ModelGateway
from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from common.openai_models import DEFAULT_MODEL

ANSWER = ModelAnswer("hola", Usage("m"))
DEADLINE = 45.0
Body = dict[str, Any]


def refused(code: str, param: str | None = None) -> ModelFailure:
    return ModelFailure(f"http_400:{code}", code=code, param=param)


@dataclass
class Server:
    """Answers as `rule` says, each call after `seconds`."""

    rule: Callable[[Body], ModelFailure | None] = lambda body: None
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    seconds: float = 0.0
    bodies: list[Body] = field(default_factory=list)

    async def ask(self, api_key: str, body: Body, deadline: float) -> ModelAnswer | ModelFailure:
        self.bodies.append(body)
        self.clock.ticks += self.seconds
        return self.rule(body) or ANSWER

    def gateway(self) -> ModelGateway:
        return ModelGateway(self, self.clock, DEADLINE)


def request(history_turns: int | None, there_are: int = 5) -> Body:
    """A model and an effort that may be refused, and so much history."""
    turns = there_are if history_turns is None else min(history_turns, there_are)
    history = [{"role": "user", "content": str(turn)} for turn in range(turns)]
    body: Body = {"model": "gpt-5", "input": history, "reasoning": {"effort": "none"}}
    return body | {"text": {"verbosity": "low"}}


def takes_no_settings(body: Body) -> ModelFailure | None:
    for name, param in (("reasoning", "reasoning.effort"), ("text", "text.verbosity")):
        if name in body:
            return refused("unsupported_parameter", param)
    return None


async def test_an_ordinary_request_is_one_call() -> None:
    server = Server()
    assert await server.gateway().ask("key", request) == ANSWER
    assert server.bodies == [request(None)]


async def test_refused_parameters_are_left_out_and_remembered_for_an_hour() -> None:
    server = Server(takes_no_settings)
    gateway = server.gateway()
    assert await gateway.ask("key", request) == ANSWER
    assert [sorted(body) for body in server.bodies] == [
        ["input", "model", "reasoning", "text"],
        ["input", "model", "text"],
        ["input", "model"],
    ]
    server.clock.ticks += KNOWN_SECONDS - 1
    assert await gateway.ask("key", request) == ANSWER
    assert len(server.bodies) == 4
    server.clock.ticks += 1
    assert await gateway.ask("key", request) == ANSWER
    assert len(server.bodies) == 7


async def test_other_settings_are_not_left_out_for_these() -> None:
    def takes_no_none(body: Body) -> ModelFailure | None:
        none = body.get("reasoning") == {"effort": "none"}
        return refused("unsupported_value", "reasoning.effort") if none else None

    server = Server(takes_no_none)
    gateway = server.gateway()
    await gateway.ask("key", request)
    await gateway.ask("key", lambda turns: request(turns) | {"reasoning": {"effort": "high"}})
    assert server.bodies[-1]["reasoning"] == {"effort": "high"}


async def test_a_model_that_is_gone_costs_one_call_an_hour() -> None:
    def has_only_the_default(body: Body) -> ModelFailure | None:
        return None if body["model"] == DEFAULT_MODEL else refused("model_not_found")

    def gone(history_turns: int | None) -> Body:
        return request(history_turns) | {"model": "gpt-4o"}

    server = Server(has_only_the_default)
    gateway = server.gateway()
    for _ in range(3):
        assert await gateway.ask("key", gone) == ANSWER
    models = [body["model"] for body in server.bodies]
    assert models == ["gpt-4o", DEFAULT_MODEL, DEFAULT_MODEL, DEFAULT_MODEL]


async def test_what_one_key_may_not_use_another_is_asked_with() -> None:
    server = Server(lambda body: refused("model_not_found") if body["model"] == "gpt-5" else None)
    gateway = server.gateway()
    await gateway.ask("key", request)
    server.rule = lambda body: None
    await gateway.ask("other key", request)
    assert [body["model"] for body in server.bodies] == ["gpt-5", "gpt-6.1-terra", "gpt-5"]


async def test_a_replacement_that_is_not_there_either_is_not_remembered() -> None:
    server = Server(lambda body: refused("model_not_found"))
    gateway = server.gateway()
    for _ in range(2):
        assert await gateway.ask("key", request) == refused("model_not_found")
    assert [body["model"] for body in server.bodies] == ["gpt-5", "gpt-6.1-terra"] * 2


async def test_the_history_is_shortened_for_this_turn_only() -> None:
    def takes_little(body: Body) -> ModelFailure | None:
        return refused("context_length_exceeded") if body["input"] else None

    server = Server(takes_little)
    gateway = server.gateway()
    for _ in range(2):
        assert await gateway.ask("key", request) == ANSWER
    assert [len(body["input"]) for body in server.bodies] == [5, 2, 0] * 2


async def test_a_request_that_would_not_differ_is_not_sent_again() -> None:
    server = Server(lambda body: refused("context_length_exceeded"))
    await server.gateway().ask("key", lambda turns: request(turns, there_are=1))
    assert [len(body["input"]) for body in server.bodies] == [1, 0]


async def test_no_further_call_begins_after_the_first_ones_deadline() -> None:
    server = Server(takes_no_settings, seconds=DEADLINE)
    await server.gateway().ask("key", request)
    assert len(server.bodies) == 1


async def test_an_open_circuit_ends_turns_without_a_call_until_a_probe_is_answered() -> None:
    server = Server(lambda body: ModelFailure("http_401:invalid_api_key", "account"))
    gateway = server.gateway()
    reasons = [await gateway.ask("key", request) for _ in range(3)]
    assert [failure.reason for failure in reasons if isinstance(failure, ModelFailure)] == [
        "http_401:invalid_api_key",
        "breaker_open:http_401",
        "breaker_open:http_401",
    ]
    assert await gateway.ask("other key", request) != ANSWER
    assert len(server.bodies) == 2
    server.rule = lambda body: None
    server.clock.ticks += 600
    assert [await gateway.ask("key", request) for _ in range(2)] == [ANSWER, ANSWER]


async def test_a_burst_of_500_is_ten_calls() -> None:
    server = Server(lambda body: ModelFailure("http_500", "transient"))
    gateway = server.gateway()
    for _ in range(100):
        await gateway.ask("key", request)
    assert len(server.bodies) == 10


async def test_a_model_without_eyes_gets_the_words() -> None:
    def is_blind(body: Body) -> ModelFailure | None:
        has_files = any(isinstance(item["content"], list) for item in body["input"])
        return ModelFailure("http_400") if has_files else None

    def with_photo(history_turns: int | None) -> Body:
        content = [{"type": "input_text", "text": "[photo]"}, {"type": "input_image"}]
        return {"model": "m", "input": [{"role": "user", "content": content}]}

    server = Server(is_blind)
    gateway = server.gateway()
    for calls in (2, 4):  # the next photo may be another one
        assert await gateway.ask("key", with_photo) == ANSWER
        assert len(server.bodies) == calls
    assert server.bodies[-1]["input"] == [
        {"role": "user", "content": "[photo] [could not be opened]"}
    ]
