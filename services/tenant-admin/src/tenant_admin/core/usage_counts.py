"""What clients use and send, per day: counted from events, read by month.

Every count may be told twice: sums of a day replace each other, and a delivery counts once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.events import DeliveryChanged, TenantSettings, UsageRecorded
from common.time_zones import local_date
from tenant_admin.core import clients
from tenant_admin.core.reply_prices import Price, ReplyPrices, add_prices, newly_priced, prices_of
from tenant_admin.core.tables import (
    client_usage,
    counted_delivery,
    number_replies,
    priced_replies,
)
from tenant_admin.core.tables import clients as clients_table

FREE_REPLIES = 1000  # of a number and calendar month; Meta, since 2026-10-01
MICROS = 1_000_000
MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
SENT = frozenset({"accepted", "sent", "delivered", "read", "played"})
SUMS = (
    "calls",
    "unpriced_calls",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_micros",
)
NumberDay = tuple[int, str, date]


class UsageTotals(BaseModel):
    """Of the model, and the WhatsApp messages that Meta took. A cost is at list price."""

    calls: int = Field(default=0, description="Also those whose answer was not sent")
    unpriced_calls: int = Field(default=0, description="Of models without a price: not in cost_usd")
    input_tokens: int = 0
    cached_tokens: int = Field(default=0, description="Of the input")
    output_tokens: int = 0
    cost_usd: float = 0.0
    replies: int = Field(default=0, description="WhatsApp messages; a long reply is several")


class DayUsage(UsageTotals):
    """A day of the client's time zone."""

    day: date


class NumberReplies(BaseModel):
    """WhatsApp messages of the month, beside those that Meta does not bill."""

    phone_number_id: str
    replies: int
    free_replies: int = FREE_REPLIES


class MonthUsage(BaseModel):
    """Days without use are left out."""

    client_id: int
    month: str
    total: UsageTotals
    numbers: list[NumberReplies]
    prices: ReplyPrices
    days: list[DayUsage]


def record_usage(connection: Connection, events: Sequence[UsageRecorded]) -> None:
    in_order = sorted(events, key=lambda event: event.calls)
    newest = {(event.tenant_id, event.day): event for event in in_order}
    rows = [
        {"client_id": client_id, "day": day} | {name: getattr(event, name) for name in SUMS}
        for (client_id, day), event in sorted(newest.items())
    ]
    given = insert(client_usage).values(rows)
    connection.execute(
        given.on_conflict_do_update(
            index_elements=["client_id", "day"],
            set_={name: given.excluded[name] for name in SUMS},
            where=client_usage.c.calls <= given.excluded.calls,
        )
    )


def count_replies(connection: Connection, events: Sequence[DeliveryChanged]) -> None:
    """Each delivery that Meta took, on the day on which it did, and its price when it arrived."""
    sent = [event for event in events if event.state in SENT]
    new, priced = new_deliveries(connection, sent), newly_priced(connection, sent)
    if not new and not priced:
        return
    zones = zones_of(connection, {event.tenant_id for event in (*new, *priced)})
    add_replies(connection, [number_day(event, zones) for event in new])
    add_prices(connection, [price_day(event, zones) for event in priced])


def add_replies(connection: Connection, replies: Sequence[NumberDay]) -> None:
    if not replies:
        return
    counts = Counter(replies)
    rows = [
        {"client_id": client_id, "phone_number_id": number, "day": day, "replies": replies}
        for (client_id, number, day), replies in sorted(counts.items())
    ]
    given = insert(number_replies).values(rows)
    connection.execute(
        given.on_conflict_do_update(
            index_elements=["client_id", "day", "phone_number_id"],
            set_={"replies": number_replies.c.replies + given.excluded.replies},
        )
    )


def new_deliveries(
    connection: Connection, events: Sequence[DeliveryChanged]
) -> list[DeliveryChanged]:
    """The first event of each delivery that was not counted before."""
    first: dict[str, DeliveryChanged] = {}
    for event in events:
        first.setdefault(event.delivery_id, event)
    if not first:
        return []
    given = insert(counted_delivery).values([{"delivery_id": each} for each in sorted(first)])
    stored = given.on_conflict_do_nothing().returning(counted_delivery.c.delivery_id)
    return [first[row.delivery_id] for row in connection.execute(stored)]


def zones_of(connection: Connection, client_ids: set[int]) -> dict[int, str]:
    query = sa.select(clients_table.c.id, clients_table.c.settings)
    rows = connection.execute(query.where(clients_table.c.id.in_(client_ids)))
    return {row.id: TenantSettings(**row.settings).timezone for row in rows}


def number_day(event: DeliveryChanged, zones: Mapping[int, str]) -> NumberDay:
    return event.tenant_id, event.phone_number_id, day_of(event, zones)


def price_day(event: DeliveryChanged, zones: Mapping[int, str]) -> Price:
    category = event.pricing_category or "unknown"
    return event.tenant_id, day_of(event, zones), category, event.pricing_type or "unknown"


def day_of(event: DeliveryChanged, zones: Mapping[int, str]) -> date:
    zone = zones.get(event.tenant_id, "UTC")  # of a client that has just been deleted
    return local_date(event.state_at, zone)


def month_usage(connection: Connection, client_id: int, month: str | None = None) -> MonthUsage:
    """month: YYYY-MM; else the client's current one. Refused (404) for an unknown client."""
    zone = clients.get(connection, client_id).settings.timezone
    first = date.fromisoformat(f"{month}-01") if month else local_date(datetime.now(UTC), zone)
    first = first.replace(day=1)
    next_month = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    used = of_days(connection, client_usage, client_id, first, next_month)
    sent = of_days(connection, number_replies, client_id, first, next_month)
    priced = of_days(connection, priced_replies, client_id, first, next_month)
    by_day, by_number = Counter[date](), Counter[str]()
    for row in sent:
        by_day[row.day] += row.replies
        by_number[row.phone_number_id] += row.replies
    sums = {row.day: sums_of([row]) for row in used}
    return MonthUsage(
        client_id=client_id,
        month=f"{first:%Y-%m}",
        total=UsageTotals(**sums_of(used), replies=by_day.total()),
        numbers=[
            NumberReplies(phone_number_id=number, replies=replies)
            for number, replies in sorted(by_number.items())
        ],
        prices=prices_of(priced),
        days=[
            DayUsage(day=day, **sums.get(day, {}), replies=by_day[day])
            for day in sorted({*sums, *by_day})
        ],
    )


def of_days(
    connection: Connection, table: sa.Table, client_id: int, first: date, end: date
) -> Sequence[sa.Row[Any]]:
    is_of_client = table.c.client_id == client_id
    query = sa.select(table).where(is_of_client, table.c.day >= first, table.c.day < end)
    return connection.execute(query).all()


def sums_of(rows: Sequence[sa.Row[Any]]) -> dict[str, Any]:
    names = ("calls", "unpriced_calls", "input_tokens", "cached_tokens", "output_tokens")
    sums: dict[str, Any] = {name: sum(getattr(row, name) for row in rows) for name in names}
    return sums | {"cost_usd": sum(row.cost_micros for row in rows) / MICROS}
