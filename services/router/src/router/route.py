"""Where each webhook goes. Pure: the same record gives the same records, event ids included."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.events import AccountNews, TenantConfig
from common.kafka.record import REPLAYED, OutgoingRecord, Record
from common.service.clock import Clock
from common.service.tracing import trace_id_of
from common.topics import WEBHOOKS_QUARANTINE
from router.dedup import ItemKey, RecentlyRouted
from router.events import (
    Origin,
    account_news,
    account_of_number,
    echo_record,
    message_record,
    news_record,
    outcome_record,
    status_record,
)
from router.parse import account_items, account_of, first_number, items_of, parse_body
from router.webhook_items import (
    AccountChange,
    Echo,
    Ignored,
    Malformed,
    Message,
    Status,
    WebhookItem,
)

TOO_OLD = timedelta(days=8)  # Meta repeats for 7 days
NUMBER, REASON = "phone_number_id", "reason"
OPERATOR = 1  # the tenant of what is no client's


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item and what became of it, for the metrics and the log."""

    kind: str
    result: str
    code: int | None = None


@dataclass(slots=True)
class RoutedWebhook:
    """`keys` are those of `RecentlyRouted`, to be added once the records are made."""

    records: list[OutgoingRecord] = field(default_factory=list)
    results: list[ItemResult] = field(default_factory=list)
    keys: dict[ItemKey, None] = field(default_factory=dict)
    news: list[AccountNews] = field(default_factory=list)


class Router:
    """`account_of_numbers`: which account each number was last seen in; the router adds to it."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        recent: RecentlyRouted,
        clock: Clock,
        account_of_numbers: dict[str, str],
    ) -> None:
        self._tenant_of = tenant_of
        self._recent = recent
        self._clock = clock
        self._account_of_numbers = account_of_numbers

    def route(self, record: Record) -> RoutedWebhook:
        """A body of several numbers comes once for each: the first one's record also stands for
        the changes of accounts, which name no number."""
        routed = RoutedWebhook()
        number = record.header_text(NUMBER) or None
        webhook = parse_body(record.value or b"")
        if webhook is None:
            quarantine(routed, record, "unreadable")
            return routed
        if number:
            self._route_number(routed, webhook, number, record)
        if number == first_number(webhook):
            self._route_accounts(routed, webhook, record)
        if not (number or routed.results):  # the ingress puts only so many numbers apart
            reason = "too_many_numbers" if first_number(webhook) else "no_phone_number"
            quarantine(routed, record, reason)
        return routed

    def _route_number(
        self, routed: RoutedWebhook, webhook: Any, number: str, record: Record
    ) -> None:
        tenant = self._tenant_of(number)
        if tenant is None:
            quarantine(routed, record, "unknown_number")
            return
        origin = self._origin(record, tenant)
        for item in items_of(webhook, number):
            self._route_item(routed, item, origin, record)
        account = account_of(webhook, number)
        if account and self._account_of_numbers.get(number) != account:
            add_news(routed, account_of_number(origin, account))
            self._account_of_numbers[number] = account

    def _route_accounts(self, routed: RoutedWebhook, webhook: Any, record: Record) -> None:
        for item in account_items(webhook):
            if isinstance(item, AccountChange):
                self._route_news(routed, item, record)
            else:
                quarantine_item(routed, "no_phone_number", record)

    def _route_news(self, routed: RoutedWebhook, change: AccountChange, record: Record) -> None:
        number = change.news.phone_number_id
        tenant = self._tenant_of(number) if number else None
        news = account_news(
            change,
            tenant.tenant_id if tenant else OPERATOR,
            trace_id_of(record.headers),
            received_at(record) or self._clock.now(),
        )
        key = ("account", news.event_id)
        if (key in self._recent and REPLAYED not in record.headers) or key in routed.keys:
            routed.results.append(ItemResult(news.what, "duplicate"))
            return
        routed.keys[key] = None
        add_news(routed, news)
        routed.results.append(ItemResult(news.what, "account_news"))

    def _origin(self, record: Record, tenant: TenantConfig) -> Origin:
        return Origin(
            tenant_id=tenant.tenant_id,
            active=tenant.active,
            phone_number_id=tenant.phone_number_id,
            trace_id=trace_id_of(record.headers),
            received_at=received_at(record) or self._clock.now(),
        )

    def _route_item(
        self, routed: RoutedWebhook, item: WebhookItem, origin: Origin, record: Record
    ) -> None:
        if isinstance(item, Ignored):
            routed.results.append(ItemResult(item.kind, "noted", item.code))
        elif isinstance(item, Malformed):
            quarantine_item(routed, "malformed", record)
            routed.results.append(ItemResult(item.kind, "malformed"))
        elif isinstance(item, AccountChange):
            self._route_news(routed, item, record)
        else:
            self._route_once(routed, item, origin, replayed=REPLAYED in record.headers)

    def _route_once(
        self,
        routed: RoutedWebhook,
        item: Message | Echo | Status,
        origin: Origin,
        *,
        replayed: bool,
    ) -> None:
        """replayed: an operator wants it to pass even if it was routed lately."""
        key = item_key(item, origin)
        if (key in self._recent and not replayed) or key in routed.keys:
            routed.results.append(ItemResult(kind_of(item), "duplicate"))
            return
        routed.keys[key] = None
        if isinstance(item, Status):
            record, result = status_record(item, origin), "status"
        elif isinstance(item, Echo):
            record, result = echo_record(item, origin), "command"
        else:
            record, result = self._message_record(item, origin)
        routed.records.append(record)
        routed.results.append(ItemResult(kind_of(item), result))

    def _message_record(self, item: Message, origin: Origin) -> tuple[OutgoingRecord, str]:
        if item.content is None:
            return outcome_record(item, origin, "recorded", item.kind), "recorded"
        if item.content.previous_ids:  # whose opt-out it is counts for an inactive client too
            return message_record(item, item.content, origin), "inbound"
        if not origin.active:
            return outcome_record(item, origin, "suppressed", "inactive"), "inactive"
        if item.sent_at and self._clock.now() - item.sent_at > TOO_OLD:
            return outcome_record(item, origin, "suppressed", "too_old"), "too_old"
        return message_record(item, item.content, origin), "inbound"


def item_key(item: Message | Echo | Status, origin: Origin) -> ItemKey:
    own = (item.status,) if isinstance(item, Status) else ()
    return (origin.phone_number_id, item.wamid, *own)


def received_at(record: Record) -> datetime | None:
    """Milliseconds since 1970 in the header of ingress, else the record's own time."""
    header = record.headers.get("received_at", b"")
    milliseconds = int(header) if header.isdigit() and len(header) <= 14 else record.timestamp_ms
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def quarantine(routed: RoutedWebhook, record: Record, reason: str) -> None:
    kept = [(name, value) for name, value in record.headers.items() if name != REASON]
    headers = [*kept, (REASON, reason.encode())]
    body = record.value or b""
    routed.records.append(OutgoingRecord(WEBHOOKS_QUARANTINE, record.key_text, body, headers))
    routed.results.append(ItemResult("webhook", reason))


def quarantine_item(routed: RoutedWebhook, reason: str, record: Record) -> None:
    """The bytes are kept once, for an operator to look at; the rest of the webhook is routed."""
    if not any(kept.topic is WEBHOOKS_QUARANTINE for kept in routed.records):
        quarantine(routed, record, reason)


def add_news(routed: RoutedWebhook, news: AccountNews) -> None:
    routed.records.append(news_record(news))
    routed.news.append(news)


def kind_of(item: Message | Echo | Status) -> str:
    match item:
        case Status():
            return "status"
        case Echo():
            return "echo"
        case Message():
            return item.kind
