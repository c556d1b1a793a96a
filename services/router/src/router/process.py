"""Routes one record: counts it, remembers it, and dead-letters it when our own code fails."""

from collections.abc import Callable
from time import monotonic

import structlog

from common.events import AccountNews
from common.kafka.dead_letter import Allowances, dead_letter
from common.kafka.record import OutgoingRecord, Record
from common.service import metrics
from router.dedup import RecentlyRouted
from router.route import ItemResult, RoutedWebhook

log = structlog.get_logger()
WARNED_REASONS = frozenset(
    {"unknown_number", "unreadable", "no_phone_number", "too_many_numbers", "malformed"}
)
WARN_EVERY_SECONDS = 60.0


class RecordProcessor:
    """`too_many_dead_letters`: so many records failed that the fault is ours, not the records'."""

    def __init__(self, route: Callable[[Record], RoutedWebhook], recent: RecentlyRouted) -> None:
        self._route = route
        self._recent = recent
        self._allowances = Allowances()
        self._warned_at: dict[str, float] = {}
        self.too_many_dead_letters = False

    def process(self, record: Record) -> list[OutgoingRecord]:
        """What to publish for this record; never raises."""
        try:
            routed = self._route(record)
        except Exception as error:
            log.error("route_failed", offset=record.offset, exc_info=error)
            return [self._give_up(record, type(error).__name__)]
        self._allowances.count_stored([record])
        self._recent.add(routed.keys)
        for result in routed.results:
            self._report(result, record.offset)
        for news in routed.news:
            report_news(news)
        return routed.records

    def _give_up(self, record: Record, detail: str) -> OutgoingRecord:
        metrics.DEAD_LETTERS.labels(record.topic, "route_failed").inc()
        self.too_many_dead_letters = self._allowances.count_dead(record)
        return dead_letter(record, "router", "route_failed", detail)

    def _report(self, item: ItemResult, offset: int) -> None:
        """Everything is counted; what an operator may have to act on is also logged."""
        metrics.ROUTED.labels(item.kind, item.result).inc()
        if item.result == "noted":
            log.info("webhook_noted", kind=item.kind, code=item.code)
        elif item.result in WARNED_REASONS:
            self._warn_once_a_minute(item.result, offset)

    def _warn_once_a_minute(self, reason: str, offset: int) -> None:
        now = monotonic()
        if now - self._warned_at.get(reason, -WARN_EVERY_SECONDS) >= WARN_EVERY_SECONDS:
            self._warned_at[reason] = now
            log.warning("webhook_set_aside", reason=reason, offset=offset)


def report_news(news: AccountNews) -> None:
    metrics.ACCOUNT_NEWS.labels(news.what, news.level).inc()
    if news.level != "info":
        shown = {"what", "level", "subject", "detail", "waba_id", "phone_number_id"}
        log.warning("account_news", **news.model_dump(include=shown, exclude_none=True))
