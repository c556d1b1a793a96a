"""Where each webhook goes. Pure: the same record gives the same outs, event ids included."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common.events import TenantConfig
from common.kafka.record import REPLAYED, Record
from common.service.clock import Clock
from common.service.tracing import trace_id_of
from common.topics import WEBHOOKS_QUARANTINE
from router.enrich import Origin, Out, message_event, outcome_event, status_event
from router.items import Item, Malformed, Message, Noted, Status
from router.parse import items_of, read
from router.remember import Fact, Memory

TOO_OLD = timedelta(days=8)  # Meta repeats for 7 days
NUMBER, REASON = "phone_number_id", "reason"


@dataclass(frozen=True, slots=True)
class Note:
    """One item and what became of it, for the metrics and the log."""

    kind: str
    result: str
    code: int | None = None


@dataclass(slots=True)
class Routed:
    """`facts` are to be remembered once the outs are on their way."""

    outs: list[Out] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    facts: dict[Fact, None] = field(default_factory=dict)


class Router:
    def __init__(
        self, tenant_of: Callable[[str], TenantConfig | None], memory: Memory, clock: Clock
    ) -> None:
        self._tenant_of, self._memory, self._clock = tenant_of, memory, clock

    def route(self, record: Record) -> Routed:
        routed = Routed()
        number = record.headers.get(NUMBER, b"").decode("utf-8", "replace")
        webhook = read(record.value or b"")
        if webhook is None or not number:
            _quarantine(routed, record, "unreadable" if webhook is None else "no_phone_number")
        elif (tenant := self._tenant_of(number)) is None:
            _quarantine(routed, record, "unknown_number")
        else:
            origin = self._origin(record, tenant)
            for item in items_of(webhook, number):
                self._place(routed, item, origin, record)
        return routed

    def _origin(self, record: Record, tenant: TenantConfig) -> Origin:
        return Origin(
            tenant_id=tenant.tenant_id,
            active=tenant.active,
            phone_number_id=tenant.phone_number_id,
            trace_id=trace_id_of(record.headers),
            received_at=received_at(record) or self._clock.now(),
        )

    def _place(self, routed: Routed, item: Item, origin: Origin, record: Record) -> None:
        if isinstance(item, Noted):
            routed.notes.append(Note(item.kind, "noted", item.code))
        elif isinstance(item, Malformed):
            _keep_malformed(routed, item, record)
        else:
            self._place_once(routed, item, origin, again=REPLAYED in record.headers)

    def _place_once(
        self, routed: Routed, item: Message | Status, origin: Origin, *, again: bool
    ) -> None:
        """again: an operator wants it to pass, whatever is remembered."""
        fact = fact_of(item, origin)
        if (fact in self._memory and not again) or fact in routed.facts:
            routed.notes.append(Note(_kind(item), "duplicate"))
            return
        routed.facts[fact] = None
        if isinstance(item, Status):
            out, result = status_event(item, origin), "status"
        else:
            out, result = self._message(item, origin)
        routed.outs.append(out)
        routed.notes.append(Note(_kind(item), result))

    def _message(self, item: Message, origin: Origin) -> tuple[Out, str]:
        if item.said is None:
            return outcome_event(item, origin, "recorded", item.kind), "recorded"
        if not origin.active:
            return outcome_event(item, origin, "suppressed", "inactive"), "inactive"
        if item.sent_at and self._clock.now() - item.sent_at > TOO_OLD:
            return outcome_event(item, origin, "suppressed", "too_old"), "too_old"
        return message_event(item, item.said, origin), "inbound"


def fact_of(item: Message | Status, origin: Origin) -> Fact:
    own = (item.status,) if isinstance(item, Status) else ()
    return (origin.phone_number_id, item.wamid, *own)


def received_at(record: Record) -> datetime | None:
    """Milliseconds since 1970 in the header of ingress, else the record's own time."""
    header = record.headers.get("received_at", b"")
    milliseconds = int(header) if header.isdigit() and len(header) <= 14 else record.timestamp_ms
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _quarantine(routed: Routed, record: Record, reason: str) -> None:
    kept = [(name, value) for name, value in record.headers.items() if name != REASON]
    headers = [*kept, (REASON, reason.encode())]
    key = (record.key or b"").decode("utf-8", "replace")
    routed.outs.append(Out(WEBHOOKS_QUARANTINE, key, record.value or b"", headers))
    routed.notes.append(Note("webhook", reason))


def _keep_malformed(routed: Routed, item: Malformed, record: Record) -> None:
    """The bytes are kept once, for an operator to look at; the rest of the webhook is routed."""
    if not any(out.topic is WEBHOOKS_QUARANTINE for out in routed.outs):
        _quarantine(routed, record, "malformed")
    routed.notes.append(Note(item.kind, "malformed"))


def _kind(item: Message | Status) -> str:
    return "status" if isinstance(item, Status) else item.kind
