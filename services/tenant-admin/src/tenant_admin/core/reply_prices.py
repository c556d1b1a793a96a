"""What Meta names as the price of the replies that arrived: counted once for each delivery."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.events import DeliveryChanged
from tenant_admin.core.tables import counted_delivery, priced_replies

ARRIVED = frozenset({"delivered", "read", "played"})  # what Meta bills; of `sent`, only the price
BILLABLE, FREE = "regular", "free_"
Price = tuple[int, date, str, str]


class PricedReplies(BaseModel):
    """WhatsApp messages of one price."""

    pricing_category: str = Field(description="Meta's: service, utility, marketing...")
    pricing_type: str = Field(
        description="Meta's: regular is billed; free_customer_service (the free ones of the month)"
        " and free_entry_point (72 hours after an advertisement) are not"
    )
    replies: int


class ReplyPrices(BaseModel):
    """WhatsApp messages of the month that arrived, by the price that Meta named."""

    billable: int = 0
    free: int = 0
    by_category: list[PricedReplies] = []


def newly_priced(
    connection: Connection, events: Sequence[DeliveryChanged]
) -> list[DeliveryChanged]:
    """The first event of each delivery that arrived with a price and was not counted before."""
    first: dict[str, DeliveryChanged] = {}
    for event in events:
        if event.pricing_type and event.state in ARRIVED:
            first.setdefault(event.delivery_id, event)
    if not first:
        return []
    rows = [{"delivery_id": delivery_id, "priced": True} for delivery_id in sorted(first)]
    stored = (
        insert(counted_delivery)
        .values(rows)
        .on_conflict_do_update(
            index_elements=["delivery_id"],
            set_={"priced": True},
            where=sa.not_(counted_delivery.c.priced),
        )
        .returning(counted_delivery.c.delivery_id)
    )
    return [first[row.delivery_id] for row in connection.execute(stored)]


def add_prices(connection: Connection, prices: Sequence[Price]) -> None:
    """One of each delivery: client, day, category, type."""
    if not prices:
        return
    keys = ("client_id", "day", "pricing_category", "pricing_type")
    counts = Counter(prices)
    rows = [
        dict(zip(keys, price, strict=True)) | {"replies": counts[price]} for price in sorted(counts)
    ]
    given = insert(priced_replies).values(rows)
    connection.execute(
        given.on_conflict_do_update(
            index_elements=keys,
            set_={"replies": priced_replies.c.replies + given.excluded.replies},
        )
    )


def prices_of(rows: Sequence[sa.Row[Any]]) -> ReplyPrices:
    """rows: of `priced_replies`."""
    counts = Counter[tuple[str, str]]()
    for row in rows:
        counts[row.pricing_category, row.pricing_type] += row.replies
    return ReplyPrices(
        billable=sum(count for (_, kind), count in counts.items() if kind == BILLABLE),
        free=sum(count for (_, kind), count in counts.items() if kind.startswith(FREE)),
        by_category=[
            PricedReplies(pricing_category=category, pricing_type=kind, replies=count)
            for (category, kind), count in sorted(counts.items())
        ],
    )
