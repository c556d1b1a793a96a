"""Due deliveries -> Graph API -> result: the work of the runner. A claim is on disk before a send.

A claim marks its row as being sent. A process that claims a row with that mark knows that another
one died during the send, so it waits for a status instead of sending again.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from common.events import Choices, TenantConfig
from common.postgres.connection import Connection, Statement
from common.service.clock import Clock
from common.tenant_secrets import NoSecret, TenantSecrets
from common.work import Claim, Outcome, Stored, WorkLimits
from sender import finish_deliveries
from sender.circuit_breaker import CircuitBreaker
from sender.decide import after_send, before_send, postponed
from sender.finish_deliveries import HandledDelivery, update_of
from sender.new_wamids import NewWamids
from sender.tables import DeliveryUpdate, DueDelivery, due_delivery
from sender.whatsapp.graph_client import GraphClient
from sender.whatsapp.interactive import interactive
from sender.whatsapp.payloads import JsonObject, interactive_message, recipient, text_message
from sender.whatsapp.send_result import Accepted, NotSent, Refused, Retry, SendResult
from sender.whatsapp.tag import Tags

DEADLINE = 20.0  # seconds of one handle(); the lease outlives it by more than the longest call
NO_TOKEN = Refused(190, "No access token", Retry.TENANT)


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
        clock: Clock,
        new_wamids: NewWamids,
    ) -> None:
        self._tenant_of = tenant_of
        self._graph = graph
        self._tokens = tokens
        self._tags = tags
        self._clock = clock
        self._new_wamids = new_wamids
        self._circuit_breaker = CircuitBreaker()

    def item_of(self, row: Any, claimed_at: float) -> DueDelivery:
        return due_delivery(row, claimed_at)

    def key_of(self, item: DueDelivery) -> str:
        return item.conversation

    async def handle(self, claim: Claim, delivery: DueDelivery) -> Outcome[DeliveryUpdate]:
        now = self._clock.now()
        tenant = before_send(delivery, self._tenant_of(delivery.phone_number_id), now)
        if not isinstance(tenant, TenantConfig):
            return tenant
        circuit = (tenant.phone_number_id, tenant.version)  # a changed tenant is tried at once
        if wait := self._circuit_breaker.reserve(circuit, self._clock.monotonic()):
            return postponed(delivery, wait, "circuit_open")
        if delivery.send_in is None:  # another transaction had the row when send times were given
            return postponed(delivery, 0.0, "no_send_time")
        await asyncio.sleep(delivery.send_in)
        result = await self._send(claim, delivery, tenant)
        self._update_circuit(circuit, result)
        return after_send(delivery, result, now)

    async def _send(self, claim: Claim, delivery: DueDelivery, tenant: TenantConfig) -> SendResult:
        try:
            token = self._tokens.secret_of(tenant)
        except NoSecret:
            return NO_TOKEN
        tag = self._tags.make(delivery.tenant_id, delivery.delivery_id, claim.attempts)
        message = message_of(delivery, tag)
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

    def finish_columns(self, handled: HandledDelivery) -> dict[str, Any] | None:
        """A handler that failed leaves its row marked as being sent; the next claim decides."""
        update = update_of(handled.outcome)
        return update._asdict() if update else None

    def store(
        self,
        connection: Connection,
        finish: Sequence[Statement],
        handled: Sequence[HandledDelivery],
    ) -> Stored:
        self._new_wamids.add(finish_deliveries.new_messages(handled))
        return finish_deliveries.store(connection, finish, handled, self._clock)


def message_of(delivery: DueDelivery, tag: str) -> JsonObject:
    """With its options and the message that it quotes; after a refusal as plain text, as either
    may be the cause."""
    to = recipient(delivery.wa_id, delivery.contact_id)
    if delivery.refusals:
        return text_message(to, delivery.body, tag)
    if not delivery.choices:
        return text_message(to, delivery.body, tag, delivery.quotes)
    choices = Choices.model_validate(delivery.choices)
    return interactive_message(to, interactive(choices, choices.text), tag, delivery.quotes)
