"""One record routed, come what may: counted, remembered, or dead-lettered when our code fails."""

from collections.abc import Callable
from time import monotonic

import structlog

from common.kafka.dead_letter import Allowance, dead_letter
from common.kafka.record import Record
from common.service import metrics
from router.enrich import Out
from router.remember import Memory
from router.route import Note, Routed

log = structlog.get_logger()
REMARKABLE = frozenset({"unknown_number", "unreadable", "no_phone_number", "malformed"})
SAID_EVERY = 60.0


class Judge:
    """`exceeded` says that so many records failed that we are wrong, not they."""

    def __init__(self, route: Callable[[Record], Routed], memory: Memory) -> None:
        self._route, self._memory = route, memory
        self._allowances: dict[int, Allowance] = {}
        self._said: dict[str, float] = {}
        self.exceeded = False

    def outs_of(self, record: Record) -> list[Out]:
        """What to publish for this record; never raises."""
        allowance = self._allowances.setdefault(record.partition, Allowance())
        try:
            routed = self._route(record)
        except Exception as error:
            log.error("route_failed", offset=record.offset, exc_info=error)
            allowance.dead(monotonic())
            self.exceeded = allowance.exceeded
            return [given_up(record, error)]
        allowance.stored(1, monotonic())
        self._memory.remember(routed.facts)
        for note in routed.notes:
            self._report(note, record)
        return routed.outs

    def _report(self, note: Note, record: Record) -> None:
        """Everything is counted; what is remarkable is logged once a minute per reason."""
        metrics.ROUTED.labels(note.kind, note.result).inc()
        if note.result == "noted":
            log.info("webhook_noted", kind=note.kind, code=note.code)
        elif note.result in REMARKABLE and self._is_news(note.result):
            log.warning("webhook_set_aside", reason=note.result, offset=record.offset)

    def _is_news(self, reason: str) -> bool:
        now = monotonic()
        if now - self._said.get(reason, -SAID_EVERY) < SAID_EVERY:
            return False
        self._said[reason] = now
        return True


def given_up(record: Record, error: Exception) -> Out:
    metrics.DEAD_LETTERS.labels(record.topic, "route_failed").inc()
    letter = dead_letter(record, "router", "route_failed", type(error).__name__)
    return Out(letter.topic, letter.key, letter.value or b"", letter.headers)
