"""Asks the model for a turn: not while its circuit is open, and with a request that it takes."""

import hashlib
from collections.abc import Callable
from typing import Any

import structlog

from assistant.openai.adjustment import (
    Adjustment,
    adjusted,
    lasting,
    next_adjustment,
    words_only,
)
from assistant.openai.client import ModelClient
from assistant.openai.expiring_map import ExpiringMap
from assistant.openai.model_circuit import ModelCircuits
from assistant.openai.response import ModelAnswer, ModelFailure
from common.service import metrics
from common.service.clock import Clock

log = structlog.get_logger()
KNOWN, KNOWN_SECONDS = 1000, 3600.0  # adjustments that helped, and how long they are used


class ModelGateway:
    """On one server. Loop thread only."""

    def __init__(self, client: ModelClient, clock: Clock, deadline: float) -> None:
        """deadline: seconds of one call. `ask` takes twice as long at most."""
        self._client = client
        self._clock = clock
        self._deadline = deadline
        self._circuits = ModelCircuits(clock.monotonic)
        self._known: ExpiringMap[tuple[Any, ...], Adjustment] = ExpiringMap(
            KNOWN_SECONDS, KNOWN, clock.monotonic
        )

    async def ask(
        self, api_key: str, request: Callable[[int | None], dict[str, Any]]
    ) -> ModelAnswer | ModelFailure:
        """request: the body with at most so many turns of history, None for as many as usual."""
        last_start = self._clock.monotonic() + self._deadline
        body = request(None)
        key = (fingerprint(api_key), *settings_of(body))
        known = adjustment = self._known.get(key) or Adjustment()
        body = adjusted(body, adjustment)
        answer = await self._call(api_key, body)
        while isinstance(answer, ModelFailure) and self._clock.monotonic() < last_start:
            further = next_adjustment(adjustment, body["model"], answer) or words_only(
                adjustment, body, answer
            )
            if further is None:
                break
            log_adjustment(body["model"], answer)
            adjustment, refused = further, body
            body = adjusted(request(adjustment.history_turns), adjustment)
            if body != refused:
                answer = await self._call(api_key, body)
        if adjustment != known and has_helped(answer):
            self._known.put(key, lasting(adjustment))
        return answer

    async def _call(self, api_key: str, body: dict[str, Any]) -> ModelAnswer | ModelFailure:
        circuit = (fingerprint(api_key), body["model"])
        if stopped := self._circuits.admit(circuit):
            metrics.MODEL_CALLS.labels("breaker_open").inc()
            return stopped
        answer = await self._client.ask(api_key, body, self._deadline)
        failure = answer if isinstance(answer, ModelFailure) else None
        seconds = self._circuits.record(circuit, failure)
        if failure and seconds:
            note_opened(body["model"], failure, seconds)
        return answer


def settings_of(body: dict[str, Any]) -> tuple[Any, ...]:
    """What decides whether a model takes the request, beside the key, whose project may have no
    access: others may suit it."""
    effort = body.get("reasoning", {}).get("effort")
    return body["model"], effort, body.get("text", {}).get("verbosity")


def has_helped(answer: ModelAnswer | ModelFailure) -> bool:
    """Whether the request was taken, though it may have failed otherwise."""
    return isinstance(answer, ModelAnswer) or answer.kind not in ("final", "account", "stopped")


def fingerprint(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode()).digest()


def log_adjustment(model: str, failure: ModelFailure) -> None:
    log.warning(
        "model_request_adjusted",
        model=model,
        param=failure.param,
        code=failure.code,
        request_id=failure.request_id,
    )


def note_opened(model: str, failure: ModelFailure, seconds: float) -> None:
    metrics.MODEL_CIRCUITS_OPENED.labels("account" if failure.kind == "account" else "server").inc()
    log.error("model_circuit_opened", model=model, cause=failure.reason, seconds=seconds)
