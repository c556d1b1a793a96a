"""Due deliveries -> Graph API -> result: the work of the runner. A claim is on disk before a send.

A claim marks its row as being sent. A process that claims a row with that mark knows that another
one died during the send, so it waits for a status instead of sending again.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence

from sqlalchemy import Connection

from common.events import TenantConfig
from common.outbox import OutboxRow, add
from common.postgres.batch_statements import execute_together
from common.service import metrics
from common.service.clock import Clock
from common.tenant_secrets import NoSecret, TenantSecrets
from common.work import Claim, Dropped, Handled, Hint, Later, Outcome, WorkLimits
from sender import tables
from sender.circuit_breaker import CircuitBreaker
from sender.decide import after_send, before_send, postponed
from sender.events import delivery_events, outcome_events
from sender.pacing import LONGEST_PAUSE, Pacing
from sender.tables import DeliveryUpdate, DueDelivery
from sender.whatsapp.graph_client import GraphClient
from sender.whatsapp.payloads import recipient, text_message
from sender.whatsapp.send_result import Accepted, NotSent, Refused, Retry, SendResult
from sender.whatsapp.tag import Tags

DEADLINE = 20.0  # seconds of one handle(); the lease outlives it by more than the longest call
NO_TOKEN = Refused(190, "No access token", Retry.TENANT)
HandledDelivery = Handled[DueDelivery, DeliveryUpdate]


def limits(slots: int) -> WorkLimits:
    return WorkLimits(slots=slots, deadline=DEADLINE)


class Deliver:
    """`tenant_of(phone_number_id)`: the number's tenant now."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        graph: GraphClient,
        tokens: TenantSecrets,
        tags: Tags,
        pacing: Pacing,
        clock: Clock,
    ) -> None:
        self._tenant_of = tenant_of
        self._graph = graph
        self._tokens = tokens
        self._tags = tags
        self._pacing = pacing
        self._clock = clock
        self._circuit_breaker = CircuitBreaker()

    def load(self, connection: Connection, claims: Sequence[Claim]) -> list[DueDelivery]:
        return tables.mark_sending(connection, claims, self._clock.monotonic())

    async def handle(self, claim: Claim, delivery: DueDelivery) -> Outcome[DeliveryUpdate]:
        now = self._clock.now()
        tenant = before_send(delivery, self._tenant_of(delivery.phone_number_id), now)
        if not isinstance(tenant, TenantConfig):
            return tenant
        circuit = (tenant.phone_number_id, tenant.version)  # a changed tenant is tried at once
        if wait := self._circuit_breaker.reserve(circuit, self._clock.monotonic()):
            return postponed(delivery, wait, "circuit_open")
        pair = delivery.conversation
        wait = self._pacing.reserve(delivery.phone_number_id, pair, self._clock.monotonic())
        if wait > LONGEST_PAUSE:
            return postponed(delivery, wait, "paced")
        await asyncio.sleep(wait)
        result = await self._send(claim, delivery, tenant)
        self._update_circuit(circuit, result)
        return after_send(delivery, result, now)

    async def _send(self, claim: Claim, delivery: DueDelivery, tenant: TenantConfig) -> SendResult:
        try:
            token = self._tokens.secret_of(tenant)
        except NoSecret:
            return NO_TOKEN
        tag = self._tags.make(delivery.tenant_id, delivery.delivery_id, claim.attempts)
        to = recipient(delivery.wa_id, delivery.contact_id)
        message = text_message(to, delivery.body, tag)
        if self._clock.monotonic() > delivery.claimed_at + DEADLINE:
            return NotSent("claim_too_old")  # this process was paused; another may have the row
        return await self._graph.send(delivery.phone_number_id, token, message)

    def _update_circuit(self, circuit: Hashable, result: SendResult) -> None:
        """A lost answer changes nothing: an open circuit stays open."""
        match result:
            case Refused(retry=Retry.TENANT):
                self._circuit_breaker.record_failure(circuit, self._clock.monotonic())
            case Accepted() | Refused():
                self._circuit_breaker.record_success(circuit)

    def store(
        self, connection: Connection, handled: Sequence[HandledDelivery]
    ) -> tuple[list[OutboxRow], list[Hint]]:
        """A handler that failed leaves its row marked as being sent; the next claim decides."""
        updates = updates_of(handled)
        ended = [work.item for work in handled if not isinstance(work.outcome, Later)]
        last_parts = [delivery for delivery in ended if delivery.is_last_part]
        statements = [*tables.update_statements(updates), *tables.end_statements(last_parts)]
        now = self._clock.now()
        for _, update in updates:
            metrics.DELIVERIES.labels(update.status).inc()
        rows = execute_together(connection, statements)
        ends = tables.ends_of(last_parts, rows)
        drafts = [*delivery_events(updates, now), *outcome_events(last_parts, ends, now)]
        return add(connection, drafts), []


def updates_of(handled: Sequence[HandledDelivery]) -> list[tuple[DueDelivery, DeliveryUpdate]]:
    return [(work.item, update) for work in handled if (update := update_of(work.outcome))]


def update_of(outcome: Outcome[DeliveryUpdate]) -> DeliveryUpdate | None:
    if outcome.result is None and isinstance(outcome, Dropped):
        return DeliveryUpdate("unknown")
    return outcome.result
