"""Asks the model for a turn: not while its circuit is open or its limit is met, and with a request
that it takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from assistant.openai.adjustment import Adjustment, adjusted, lasting, next_adjustment
from assistant.openai.call_rate import CallRate
from assistant.openai.client import ModelClient
from assistant.openai.expiring_map import ExpiringMap
from assistant.openai.model_call import ModelCall, billed_call
from assistant.openai.model_circuit import ModelCircuits
from assistant.openai.model_server import ModelServer
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.openai.retry import TURN_SECONDS, seconds_of_call
from common.service import metrics
from common.service.clock import Clock

log = structlog.get_logger()
KNOWN = 1000  # adjustments that helped, and rates
KNOWN_SECONDS = 3600.0
CallKey = tuple[bytes, str]  # server and model


@dataclass(frozen=True, slots=True)
class Question:
    """Of one turn. request: the body with at most so many turns of history, None for as many as
    usual. calls: gets those that are billed. tries: of the turn, with this one. deadline: seconds
    of one call."""

    server: ModelServer
    request: Callable[[int | None], dict[str, Any]]
    calls: list[ModelCall]
    tries: int
    deadline: float

    @property
    def may_replace_model(self) -> bool:
        """A client's own server has names of its own."""
        return self.server.base_url is None


class ModelGateway:
    """Loop thread only."""

    def __init__(
        self, client: ModelClient, clock: Clock, deadline: float, budget: float = TURN_SECONDS
    ) -> None:
        """deadline: seconds of one call; `ask` takes twice as long at most. budget: of a turn."""
        self._client = client
        self._clock = clock
        self._deadline = deadline
        self._budget = budget
        self._circuits = ModelCircuits(clock.monotonic)
        self._rates: ExpiringMap[CallKey, CallRate] = ExpiringMap(
            KNOWN_SECONDS, KNOWN, clock.monotonic
        )
        self._known: ExpiringMap[tuple[Any, ...], Adjustment] = ExpiringMap(
            KNOWN_SECONDS, KNOWN, clock.monotonic
        )

    async def ask(
        self,
        server: ModelServer,
        request: Callable[[int | None], dict[str, Any]],
        calls: list[ModelCall],
        tries: int = 1,
        seconds: float = 0.0,
    ) -> ModelAnswer | ModelFailure:
        """request, calls, tries: see Question. seconds: since the turn's first claim."""
        deadline = seconds_of_call(self._deadline, self._budget, seconds)
        question = Question(server, request, calls, tries, deadline)
        body = request(None)
        key = (server.fingerprint, *settings_of(body))
        known = self._known.get(key) or Adjustment()
        adjustment, answer = await self._ask_until_taken(question, adjusted(body, known), known)
        if adjustment != known and has_helped(answer):
            self._known.put(key, lasting(adjustment))
        return answer

    async def _ask_until_taken(
        self, question: Question, body: dict[str, Any], adjustment: Adjustment
    ) -> tuple[Adjustment, ModelAnswer | ModelFailure]:
        """The last adjustment, and what came of the call with it. body: adjusted."""
        last_start = self._clock.monotonic() + question.deadline
        answer = await self._call(question, body)
        while isinstance(answer, ModelFailure) and self._clock.monotonic() < last_start:
            further = next_adjustment(adjustment, body, answer, question.may_replace_model)
            if further is None:
                break
            log_adjustment(body["model"], answer)
            adjustment, refused = further, body
            body = adjusted(question.request(adjustment.history_turns), adjustment)
            if body != refused:
                answer = await self._call(question, body)
        return adjustment, answer

    async def _call(self, question: Question, body: dict[str, Any]) -> ModelAnswer | ModelFailure:
        key = (question.server.fingerprint, body["model"])
        if not_made := self._put_off(key, question.tries) or self._circuits.admit(key):
            metrics.MODEL_CALLS.labels(not_made.reason.partition(":")[0]).inc()
            return not_made
        answer = await self._client.ask(question.server, body, question.deadline)
        if call := billed_call(body, answer):
            question.calls.append(call)
        failure = answer if isinstance(answer, ModelFailure) else None
        seconds = self._circuits.record(key, failure)
        if failure and seconds:
            note_opened(body["model"], failure, seconds)
        return self._paced(key, answer)

    def _put_off(self, key: CallKey, tries: int) -> ModelFailure | None:
        wait = self._rate_of(key).admit(tries == 1, self._clock.monotonic())
        return ModelFailure("put_off:rate_limit", "put_off", wait) if wait else None

    def _paced(
        self, key: CallKey, answer: ModelAnswer | ModelFailure
    ) -> ModelAnswer | ModelFailure:
        """The answer; a refused call with the time at which its turn may call again."""
        rate = self._rate_of(key)
        if isinstance(answer, ModelAnswer):
            rate.answered()
        elif answer.kind == "rate_limit":
            wait = rate.refused(answer.retry_after, self._clock.monotonic())
            return replace(answer, retry_after=wait)
        return answer

    def _rate_of(self, key: CallKey) -> CallRate:
        rate = self._rates.get(key) or CallRate()
        self._rates.put(key, rate)
        return rate


def settings_of(body: dict[str, Any]) -> tuple[Any, ...]:
    """What decides whether a model takes the request, beside the key, whose project may have no
    access: others may suit it."""
    effort = body.get("reasoning", {}).get("effort")
    return body["model"], effort, body.get("text", {}).get("verbosity"), body["max_output_tokens"]


def has_helped(answer: ModelAnswer | ModelFailure) -> bool:
    """Whether the request was taken, though it may have failed otherwise."""
    return isinstance(answer, ModelAnswer) or answer.kind in ("rate_limit", "transient", "deadline")


def log_adjustment(model: str, failure: ModelFailure) -> None:
    log.warning(
        "model_request_adjusted",
        model=model,
        reason=failure.reason,
        param=failure.param,
        code=failure.code,
        request_id=failure.request_id,
    )


def note_opened(model: str, failure: ModelFailure, seconds: float) -> None:
    metrics.MODEL_CIRCUITS_OPENED.labels("account" if failure.kind == "account" else "server").inc()
    log.error("model_circuit_opened", model=model, cause=failure.reason, seconds=seconds)
