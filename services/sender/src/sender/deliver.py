"""Due deliveries -> Graph API -> result: the work of the runner. A claim is on disk before a send.

A claim marks its row as being sent. A process that claims a row with that mark knows that another
one died during the send, so it waits for a status instead of sending again.
"""

import asyncio
from collections.abc import Callable, Sequence
from random import random
from typing import Any

import structlog

from common.events import Choices, OutgoingMedia, TenantConfig, TenantSettings
from common.postgres.connection import Connection, Statement
from common.service import metrics
from common.service.clock import Clock
from common.tenant_secrets import NoSecret, TenantSecrets
from common.work import Claim, Outcome, Stored, WorkLimits
from sender import finish_deliveries
from sender.decide import (
    after_send,
    before_send,
    held_back,
    lost_answer_of,
    postponed,
    template_for,
)
from sender.finish_deliveries import HandledDelivery, update_of
from sender.holds import Held, HoldChange, HoldKeys, Holds
from sender.new_wamids import NewWamids
from sender.tables import DeliveryUpdate, DueDelivery, due_delivery
from sender.wake_held import WakeHeld
from sender.whatsapp.graph_client import GraphClient
from sender.whatsapp.graph_errors import NO_PERMISSION, rule_of
from sender.whatsapp.interactive import interactive
from sender.whatsapp.payloads import (
    JsonObject,
    interactive_message,
    media_message,
    recipient,
    template_message,
    text_message,
)
from sender.whatsapp.send_result import Accepted, Refused, SendResult
from sender.whatsapp.tag import Tags
from sender.whatsapp.template import template_content

log = structlog.get_logger()
DEADLINE = 20.0  # seconds of one handle(); the lease outlives it by more than the longest call
TOO_OLD_SECONDS = 5.0
NO_TOKEN = Refused(190, "No access token", NO_PERMISSION)


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
        wake: WakeHeld,
        jitter: Callable[[], float] = random,
    ) -> None:
        self._tenant_of = tenant_of
        self._graph = graph
        self._tokens = tokens
        self._tags = tags
        self._clock = clock
        self._new_wamids = new_wamids
        self._holds = Holds(clock.monotonic, jitter)
        self._wake = wake
        self._jitter = jitter

    def item_of(self, row: Any, claimed_at: float) -> DueDelivery:
        return due_delivery(row, claimed_at)

    def key_of(self, item: DueDelivery) -> str:
        return item.conversation

    async def handle(self, claim: Claim, delivery: DueDelivery) -> Outcome[DeliveryUpdate]:
        now = self._clock.now()
        tenant = before_send(delivery, self._tenant_of(delivery.phone_number_id), now)
        if not isinstance(tenant, TenantConfig):
            return tenant
        token = self._token_of(tenant)
        keys = HoldKeys.of(tenant.phone_number_id, token)
        if held := self._holds.held(keys):
            return held_back(delivery, held)
        if not token:
            change = self._holds.hold_number(tenant.phone_number_id, NO_TOKEN)
            return self._after(delivery, tenant, NO_TOKEN, change)
        if delivery.send_in is None:  # another transaction had the row when send times were given
            return postponed(delivery, 0.0, "no_send_time")
        await asyncio.sleep(delivery.send_in)
        if held := self._holds.admit(keys) or await self._silence(delivery, token):
            return held_back(delivery, held)
        began = self._clock.monotonic()
        if began > delivery.claimed_at + DEADLINE:  # it was paused; another may have the row
            return postponed(delivery, TOO_OLD_SECONDS, "claim_too_old")
        tag = self._tags.make(delivery.tenant_id, delivery.delivery_id, claim.attempts)
        message = message_of(delivery, tag, tenant.settings)
        result = await self._graph.send(delivery.phone_number_id, token, message)
        return self._after(delivery, tenant, result, self._holds.record(keys, result, began))

    def _token_of(self, tenant: TenantConfig) -> str:
        """Empty where there is none."""
        try:
            return self._tokens.secret_of(tenant)
        except NoSecret:
            return ""

    async def _silence(self, delivery: DueDelivery, token: str) -> Held | None:
        """The hold on a Graph that does not answer. Asked before the next message while there is
        such a hold, and before a copy of what was perhaps sent: it must not be spent in vain."""
        is_copy = delivery.status == "unknown"
        seconds = lost_answer_of(delivery).seconds if is_copy else None
        if not self._holds.must_prove_graph(seconds):
            return None
        # A person's words answer no message: then Graph's refusal of the mark is the answer.
        wamid = delivery.answers[0] if delivery.answers else delivery.delivery_id
        if await self._graph.answers(delivery.phone_number_id, token, wamid):
            self._wake.holds_ended(self._holds.graph_answers())
            return None
        change = self._holds.graph_is_silent()
        self._apply(delivery.phone_number_id, change)
        return change.held

    def _after(
        self, delivery: DueDelivery, tenant: TenantConfig, result: SendResult, change: HoldChange
    ) -> Outcome[DeliveryUpdate]:
        self._apply(delivery.phone_number_id, change)
        if isinstance(result, Refused) and change.held is None:
            report_refusal(delivery.phone_number_id, result)
        if isinstance(result, Accepted) and delivery.held_by:  # perhaps by another replica's hold
            self._wake.holds_ended([delivery.held_by])
        template = template_for(delivery, tenant.settings)
        now = self._clock.now()
        return after_send(delivery, result, change.held, now, self._jitter(), template)

    def _apply(self, phone_number_id: str, change: HoldChange) -> None:
        """Tells of a new hold once, for all that it holds back; wakes what another held back."""
        self._wake.holds_ended(change.ended)
        if change.held and change.began:
            report_hold(phone_number_id, change.held.cause)

    def tenant_changed(self, phone_number_id: str) -> None:
        """What an operator changed is tried at once."""
        if tenant := self._tenant_of(phone_number_id):
            self._holds.probe_now(HoldKeys.of(phone_number_id, self._token_of(tenant)))
        self._wake.number_changed(phone_number_id)

    def number_refused(self, phone_number_id: str, code: int | None) -> None:
        """A status says so of a message that was accepted, or Meta's news of the account: what it
        says of the number counts. None: it is over."""
        if code is None:
            self._holds.end_number(phone_number_id)
            self._wake.number_changed(phone_number_id)
            return
        refusal = Refused(code, "", rule_of(code, None, temporary=False))
        self._apply(phone_number_id, self._holds.hold_number(phone_number_id, refusal))

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


def message_of(delivery: DueDelivery, tag: str, settings: TenantSettings) -> JsonObject:
    """With its options and the message that it quotes; after a refusal as plain text, as either
    may be the cause. A file is always sent as such. Outside the window as the client's template."""
    to = recipient(delivery.wa_id, delivery.contact_id)
    if delivery.template:
        return template_message(to, template_content(settings, delivery.body), tag)
    if delivery.media:
        media = OutgoingMedia.model_validate(delivery.media)
        return media_message(to, media, tag, delivery.quotes)
    if delivery.refusals:
        return text_message(to, delivery.body, tag)
    if not delivery.choices:
        return text_message(to, delivery.body, tag, delivery.quotes)
    choices = Choices.model_validate(delivery.choices)
    return interactive_message(to, interactive(choices, choices.text), tag, delivery.quotes)


def report_hold(phone_number_id: str, cause: Refused | None) -> None:
    if cause is None:
        log.warning("graph_unreachable")
    else:
        report_refusal(phone_number_id, cause)


def report_refusal(phone_number_id: str, cause: Refused) -> None:
    if cause.rule.alert:
        code, scope = cause.code, cause.rule.scope.value
        metrics.GRAPH_ALERTS.labels(str(code), scope).inc()
        log.warning("graph_alert", code=code, phone_number_id=phone_number_id, scope=scope)
