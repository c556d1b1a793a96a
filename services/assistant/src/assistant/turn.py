"""Hop 3b: a due turn is claimed, decided, asked and stored. Reads from top to bottom."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from assistant import finish
from assistant.decide import (
    AskModel,
    TurnResult,
    after_asking,
    after_bug,
    before_asking,
    with_notice,
)
from assistant.open_media import MediaOpener, OpenedTurn
from assistant.openai.gateway import ModelGateway
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.prompt import request_body, safety_identifier
from assistant.turn_context import TurnContext, turn_context
from common.events import AssistantConfig, TenantConfig
from common.postgres.connection import Connection, Statement
from common.service.clock import Clock
from common.tenant_secrets import NoSecret, TenantSecrets
from common.work import Claim, Dropped, Handled, Outcome, Stored

log = structlog.get_logger()


class TurnHandler:
    """What the runner calls; see common.work.contract.WorkHandler.

    tenant_of(phone_number_id) and assistant_of(assistant_id): as they are now.
    identifier_key: what the contacts' identifiers towards OpenAI are made with. random: 0 to 1.
    """

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        assistant_of: Callable[[str], AssistantConfig | None],
        model: ModelGateway,
        media: MediaOpener,
        api_keys: TenantSecrets,
        identifier_key: str,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._tenant_of = tenant_of
        self._assistant_of = assistant_of
        self._model = model
        self._media = media
        self._api_keys = api_keys
        self._identifier_key = identifier_key
        self._clock = clock
        self._random = random

    def item_of(self, row: Any, claimed_at: float) -> TurnContext:
        return turn_context(row)

    def key_of(self, item: TurnContext) -> str:
        return item.conversation.key

    def finish_columns(self, handled: Handled[TurnContext, TurnResult]) -> None:
        """A turn has none of its own."""

    async def handle(self, claim: Claim, turn: TurnContext) -> Outcome[TurnResult]:
        tenant = self._tenant_of(turn.conversation.phone_number_id)
        assistant = self._assistant_of(tenant.assistant_id) if tenant else None
        tries = claim.attempts - turn.superseded
        decision = before_asking(turn, tries, tenant, assistant, self._clock.now())
        if not isinstance(decision, AskModel):
            return decision
        async with self._media.opened(turn, decision.tenant) as opened:
            # A command may have been said.
            decision = before_asking(opened.turn, tries, tenant, assistant, self._clock.now())
            if not isinstance(decision, AskModel):
                return decision
            answer = await self._ask(opened, decision)
        if isinstance(answer, ModelFailure):
            log_failure(claim.tenant_id, answer, tries)
        seconds = (self._clock.now() - turn.first_claimed_at).total_seconds()
        outcome = after_asking(answer, turn, tries, seconds, decision.tenant, self._random)
        return with_notice(outcome, decision.tenant, decision.command)

    def store(
        self,
        connection: Connection,
        finish_turns: Sequence[Statement],
        handled: Sequence[Handled[TurnContext, TurnResult]],
    ) -> Stored:
        known = [self._with_result(each) for each in handled]
        return finish.store(connection, finish_turns, known, self._clock)

    def _with_result(
        self, handled: Handled[TurnContext, TurnResult]
    ) -> Handled[TurnContext, TurnResult]:
        """A turn that the runner has given up ends like any other."""
        turn, outcome = handled.item, handled.outcome
        if not isinstance(outcome, Dropped) or outcome.result:
            return handled
        tenant = self._tenant_of(turn.conversation.phone_number_id)
        result = after_bug(turn, outcome.reason, tenant, self._clock.now())
        return replace(handled, outcome=Dropped(outcome.reason, result))

    async def _ask(self, opened: OpenedTurn, decision: AskModel) -> ModelAnswer | ModelFailure:
        try:
            api_key = self._api_keys.secret_of(decision.tenant)
        except NoSecret:
            return ModelFailure("key_unsealable")
        now, (turn, files) = self._clock.now(), opened
        person = safety_identifier(
            self._identifier_key, decision.tenant.tenant_id, turn.conversation.contact_id
        )

        def request(history_turns: int | None) -> dict[str, Any]:
            body = request_body(
                turn, decision.tenant, decision.assistant, now, history_turns, files
            )
            return {**body, "safety_identifier": person}

        return await self._model.ask(api_key, request)


def log_failure(tenant_id: int, failure: ModelFailure, tries: int) -> None:
    log.warning(
        "model_failed",
        tenant_id=tenant_id,
        reason=failure.reason,
        param=failure.param,
        request_id=failure.request_id,
        tries=tries,
    )
