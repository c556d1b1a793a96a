"""What becomes of a message that was taken: sent, delivered, read, or failed, each at its time."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.config import Knobs
from devkit.emulators.whatsapp.errors import title
from devkit.emulators.whatsapp.faults import Action
from devkit.emulators.whatsapp.state import Message, MessageStatus

GATHER = 0.005  # seconds: what falls due meanwhile travels in the same POST
PER_POST = 100
NO_FAULT = Action()
Due = tuple[Message, MessageStatus]


class Statuses:
    """`send` delivers a webhook; `changed` tells of every message that has a new status."""

    def __init__(
        self,
        knobs: Knobs,
        clock: Callable[[], float],
        send: Callable[[payloads.Json], object],
        changed: Callable[[Message], None],
    ) -> None:
        self._knobs, self._clock, self._send, self._changed = knobs, clock, send, changed
        self._due: list[Due] = []
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def pending(self) -> int:
        return len(self._timers) + len(self._due)

    def schedule(self, message: Message, fault: Action | None = None) -> None:
        for delay, status in plan(self._knobs, fault or NO_FAULT):
            if status == "failed" and fault and fault.error:
                message.error = (fault.error, title(fault.error))
            self._after(delay, message, status)

    def clear(self) -> None:
        """Forget what is not reported yet."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._due.clear()

    def _after(self, delay: float, message: Message, status: MessageStatus) -> None:
        def fall_due() -> None:
            self._timers.discard(timer)
            if not self._due:
                asyncio.get_running_loop().call_later(GATHER, self._flush)
            self._due.append((message, status))

        timer = asyncio.get_running_loop().call_later(delay, fall_due)
        self._timers.add(timer)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for message, status in due:
            if message.advance(status):
                self._changed(message)
        now = self._clock()
        for start in range(0, len(due), PER_POST):
            self._send(payloads.batch(webhooks(due[start : start + PER_POST], now)))


def plan(knobs: Knobs, fault: Action) -> Iterator[tuple[float, MessageStatus]]:
    """(seconds from now, status), in order."""
    if not knobs.statuses or fault.drop:
        return
    late = fault.hang or 0.0
    if fault.error is not None:
        yield late + (knobs.sent_after or 0.0), "failed"
        return
    if knobs.sent_after is not None:
        yield late + knobs.sent_after, "sent"
    if knobs.delivered_after is not None:
        yield late + knobs.delivered_after, "delivered"
    if knobs.read_after is not None:
        yield late + knobs.read_after, "read"


def webhooks(due: Iterable[Due], now: float) -> Iterator[payloads.Json]:
    """One change per business; failed statuses apart, for they come without contacts."""
    groups: dict[tuple[str, bool], list[Due]] = {}
    for message, status in due:
        key = (message.conversation.business.phone_number_id, status == "failed")
        groups.setdefault(key, []).append((message, status))
    for (_, failed), group in groups.items():
        people = [message.conversation.contact for message, _ in group]
        contacts = [] if failed else dict.fromkeys(people)
        updates = [update(message, status, now) for message, status in group]
        yield payloads.statuses(group[0][0].conversation.business, contacts, *updates)


def update(message: Message, status: MessageStatus, now: float) -> payloads.Json:
    contact = message.conversation.contact
    if status == "failed":
        code, reason = message.error or (131000, title(131000))
        return payloads.failed(contact, message.wamid, now, code, reason, by_phone=message.by_phone)
    return payloads.status(contact, message.wamid, status, now, message.tag, message.by_phone)
