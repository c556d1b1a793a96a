"""Due deliveries -> Graph API -> result. Work of common.work: the claim is on disk before a send.

A claim marks its row as being sent. Whoever finds that mark on a row it claims knows that the
process before it died in between, so it waits for a status instead of sending again.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from common.events import TenantConfig
from common.outbox import OutboxRow, add
from common.service import metrics
from common.service.clock import Clock
from common.work import Claim, Dropped, Handled, Hint, Later, Outcome, WorkLimits
from sender import tables
from sender.announce import changed, replies_ended
from sender.circuit import Circuits
from sender.classify import Accepted, Cure, NotSent, Refused, Verdict
from sender.decide import after_send, before_send, not_now
from sender.graph import Graph
from sender.pacing import LONGEST_PAUSE, Pacing
from sender.payloads import address, text_message
from sender.tables import Change, DueDelivery
from sender.tag import Tags
from sender.tokens import NoToken, Tokens

DEADLINE = 20.0  # seconds of one handle; the lease outlives it by the longest call and more
NO_TOKEN = Refused(190, "No access token", Cure.TENANT)
HandledDelivery = Handled[DueDelivery, Change]


def limits(slots: int) -> WorkLimits:
    return WorkLimits(slots=slots, deadline=DEADLINE)


@dataclass
class Deliver:
    """`tenant_of(phone_number_id)`: the number's client now."""

    tenant_of: Callable[[str], TenantConfig | None]
    graph: Graph
    tokens: Tokens
    tags: Tags
    pacing: Pacing
    clock: Clock
    circuits: Circuits = field(default_factory=Circuits)

    def load(self, connection: Connection, claims: Sequence[Claim]) -> list[DueDelivery]:
        return tables.load(connection, claims, self.clock.monotonic())

    async def handle(self, claim: Claim, delivery: DueDelivery) -> Outcome[Change]:
        now = self.clock.now()
        tenant = before_send(delivery, self.tenant_of(delivery.phone_number_id), now)
        if not isinstance(tenant, TenantConfig):
            return tenant
        circuit = (tenant.phone_number_id, tenant.version)  # a changed client is tried at once
        if wait := self.circuits.wait(circuit, self.clock.monotonic()):
            return not_now(delivery, wait, "circuit_open")
        pair = delivery.conversation
        wait = self.pacing.reserve(delivery.phone_number_id, pair, self.clock.monotonic())
        if wait > LONGEST_PAUSE:
            return not_now(delivery, wait, "paced")
        await asyncio.sleep(wait)
        verdict = await self._send(claim, delivery, tenant)
        self._note(circuit, verdict)
        return after_send(delivery, verdict, now)

    async def _send(self, claim: Claim, delivery: DueDelivery, tenant: TenantConfig) -> Verdict:
        try:
            token = self.tokens.of(tenant)
        except NoToken:
            return NO_TOKEN
        tag = self.tags.make(delivery.tenant_id, delivery.delivery_id, claim.attempts)
        to = address(delivery.wa_id, delivery.contact_id)
        message = text_message(to, delivery.body, tag)
        if self.clock.monotonic() > delivery.claimed_at + DEADLINE:
            return NotSent("claim_too_old")  # this process stood still; another may have the row
        return await self.graph.send(delivery.phone_number_id, token, message)

    def _note(self, circuit: Hashable, verdict: Verdict) -> None:
        """Only an answer tells: a lost one leaves an open circuit open."""
        match verdict:
            case Refused(cure=Cure.TENANT):
                self.circuits.failed(circuit, self.clock.monotonic())
            case Accepted() | Refused():
                self.circuits.worked(circuit)

    def store(
        self, connection: Connection, settled: Sequence[HandledDelivery]
    ) -> tuple[list[OutboxRow], list[Hint]]:
        """A handler that failed leaves its row marked as being sent: a doubt for the next claim."""
        moves = [(one, change) for one in settled if (change := change_of(one.outcome))]
        writing = tables.writing([(one.item.id, change) for one, change in moves])
        now = self.clock.now()
        drafts = [
            event
            for one, change in moves
            if change.status != one.item.status and (event := changed(one.item, change, now))
        ]
        ended = [one.item for one in settled if not isinstance(one.outcome, Later)]
        for _, change in moves:
            metrics.DELIVERIES.labels(change.status).inc()
        return add(connection, [*drafts, *replies_ended(connection, ended, now, writing)]), []


def change_of(outcome: Outcome[Change]) -> Change | None:
    if outcome.result is None and isinstance(outcome, Dropped):
        return Change("unknown")
    return outcome.result
