"""Hop 3b: a due turn is claimed, decided, asked and stored. Reads from top to bottom."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from assistant import finish
from assistant.budget import Reservation, has_budget, today_of
from assistant.client_server import server_of
from assistant.decide import (
    AskModel,
    after_asking,
    after_bug,
    before_asking,
    over_budget,
)
from assistant.open_media import MediaOpener, OpenedTurn
from assistant.openai.gateway import ModelGateway
from assistant.openai.model_call import largest_usage
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.openai.retry import TURN_SECONDS
from assistant.preface import with_disclosure, with_preface
from assistant.prices import Prices
from assistant.prompt import request_body, safety_identifier
from assistant.reservations import Budgets
from assistant.results import TurnResult
from assistant.settle import Bill, billed_calls, may_have_reservation
from assistant.turn_context import TurnContext, turn_context
from assistant.turn_progress import ProgressPublisher
from assistant.usage_reports import ClientDay
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
    budget: seconds of a turn that fails, from its first claim.
    """

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        assistant_of: Callable[[str], AssistantConfig | None],
        model: ModelGateway,
        media: MediaOpener,
        api_keys: TenantSecrets,
        identifier_key: bytes,
        budgets: Budgets,
        prices: Prices,
        note_settled: Callable[[Iterable[ClientDay]], None],
        progress: ProgressPublisher,
        clock: Clock,
        random: Callable[[], float],
        budget: float = TURN_SECONDS,
    ) -> None:
        self._tenant_of = tenant_of
        self._assistant_of = assistant_of
        self._model = model
        self._media = media
        self._api_keys = api_keys
        self._identifier_key = identifier_key
        self._budgets = budgets
        self._prices = prices
        self._note_settled = note_settled
        self._progress = progress
        self._clock = clock
        self._random = random
        self._budget = budget

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
            log_loop(claim.tenant_id, turn, decision)
            self._progress.recorded(turn, decision)
            return decision
        async with self._media.opened(turn, decision.tenant) as opened:
            if opened.turn is not turn:  # a command may have been said
                decision = before_asking(opened.turn, tries, tenant, assistant, self._clock.now())
                if not isinstance(decision, AskModel):
                    self._progress.recorded(turn, decision)
                    return decision
            if over := await self._reserve(claim, opened, decision):
                return with_preface(over, decision.preface, decision.tenant)
            with self._progress.answering(turn):
                answer = await self._ask(opened, decision, tries)
        if isinstance(answer, ModelFailure) and answer.kind != "put_off":
            log_failure(claim.tenant_id, answer, tries)
        seconds = self._seconds_since_first_claim(turn)
        outcome = after_asking(
            answer, turn, tries, seconds, decision.tenant, self._random, self._budget
        )
        outcome = with_preface(outcome, decision.preface, decision.tenant)
        return with_disclosure(outcome, turn.conversation, decision.tenant)

    def store(
        self,
        connection: Connection,
        finish_turns: Sequence[Statement],
        handled: Sequence[Handled[TurnContext, TurnResult]],
    ) -> Stored:
        known = [self._with_result(each) for each in handled]
        bill = self._bill(known)
        stored = finish.store(connection, finish_turns, known, bill, self._clock)
        self._note_settled({(call.tenant_id, call.day) for call in bill.calls})
        return stored

    def _bill(self, handled: Sequence[Handled[TurnContext, TurnResult]]) -> Bill:
        """Of all of them: what a claim that no longer stands has used is paid too."""
        now = self._clock.now()
        owners = [self._tenant_of(each.item.conversation.phone_number_id) for each in handled]
        pairs = list(zip(handled, owners, strict=True))
        return Bill(
            [
                call
                for each, tenant in pairs
                for call in billed_calls(each, tenant, self._prices, now)
            ],
            [each.claim.key for each, tenant in pairs if may_have_reservation(tenant)],
        )

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

    def _seconds_since_first_claim(self, turn: TurnContext) -> float:
        return (self._clock.now() - turn.first_claimed_at).total_seconds()

    async def _reserve(
        self, claim: Claim, opened: OpenedTurn, decision: AskModel
    ) -> Outcome[TurnResult] | None:
        """What the turn leads to where a budget is spent; None where the model may be asked."""
        settings, turn = decision.tenant.settings, opened.turn
        if not has_budget(settings):
            return None
        usage = largest_usage(self._request(opened, decision)(None))
        today = today_of(settings, self._clock.now())
        reservation = Reservation(
            tenant_id=claim.tenant_id,
            turn_id=claim.id,
            epoch=claim.epoch,
            conversation_id=turn.conversation.id,
            tokens=usage.input_tokens + usage.output_tokens,
            micros=self._prices.micros(usage) or 0,
            today=today,
            settings=settings,
        )
        limit = await self._budgets.reserve(reservation)
        return over_budget(turn, decision.tenant, limit, today) if limit else None

    async def _ask(
        self, opened: OpenedTurn, decision: AskModel, tries: int
    ) -> ModelAnswer | ModelFailure:
        try:
            server = server_of(decision.tenant, self._api_keys)
        except NoSecret:
            return ModelFailure("key_unsealable")
        turn, request = opened.turn, self._request(opened, decision)
        seconds = self._seconds_since_first_claim(turn)
        return await self._model.ask(server, request, turn.calls, tries, seconds)

    def _request(
        self, opened: OpenedTurn, decision: AskModel
    ) -> Callable[[int | None], dict[str, Any]]:
        """The body with so many turns of history at most."""
        now, (turn, files) = self._clock.now(), opened
        person = safety_identifier(self._identifier_key, turn.conversation)

        def request(history_turns: int | None) -> dict[str, Any]:
            body = request_body(
                turn, decision.tenant, decision.assistant, now, history_turns, files
            )
            return {**body, "safety_identifier": person}

        return request


def log_loop(tenant_id: int, turn: TurnContext, outcome: Outcome[TurnResult]) -> None:
    """Once per loop: for an hour the conversation gets no answer."""
    result = outcome.result if isinstance(outcome, Dropped) else None
    if result and any(change.what == "loop_stopped" for change in result.changes):
        log.warning("loop_stopped", tenant_id=tenant_id, conversation_id=turn.conversation.id)


def log_failure(tenant_id: int, failure: ModelFailure, tries: int) -> None:
    log.warning(
        "model_failed",
        tenant_id=tenant_id,
        reason=failure.reason,
        param=failure.param,
        request_id=failure.request_id,
        tries=tries,
    )
