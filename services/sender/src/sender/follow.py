"""What statuses make of deliveries. Pure: deliveries and statuses in, changes and events out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from common.outbox import EventDraft
from sender.announce import changed
from sender.tables import Change, Delivery

# Monotone, in whatever order statuses come. That it arrived outweighs that it failed.
RANK = {"accepted": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4, "played": 5}


class News(NamedTuple):
    """A status. `delivery_id`: from a tag of ours, None without one."""

    tenant_id: int
    wamid: str
    status: str
    status_at: datetime
    error_code: int | None
    error_title: str | None
    delivery_id: str | None = None


class Following:
    """Applies news to deliveries one by one.

    changes: the last per delivery's id. strangers: news of no known delivery. doubles: deliveries
    with a second copy on its way, which happens when a lost answer was an acceptance.
    """

    def __init__(self, deliveries: Iterable[Delivery]) -> None:
        self.known = {delivery.id: delivery for delivery in deliveries}
        self.changes: dict[int, Change] = {}
        self.drafts: list[EventDraft] = []
        self.strangers: list[News] = []
        self.doubles: list[Delivery] = []
        self._by_delivery = {one.delivery_id: one.id for one in self.known.values()}
        self._by_wamid = {(one.tenant_id, one.wamid): one.id for one in self.known.values()}

    def apply(self, news: News) -> None:
        delivery = self._find(news)
        if delivery is None:
            self.strangers.append(news)
        elif delivery.wamid not in (None, news.wamid):
            self.doubles.append(delivery)
        elif change := moved(delivery, news):
            self._move(delivery, change, news)

    def _find(self, news: News) -> Delivery | None:
        if news.delivery_id:
            id = self._by_delivery.get(news.delivery_id)
        else:
            id = self._by_wamid.get((news.tenant_id, news.wamid))
        return None if id is None else self.known[id]

    def _move(self, delivery: Delivery, change: Change, news: News) -> None:
        self.changes[delivery.id] = change
        self.known[delivery.id] = replace(delivery, status=news.status, wamid=news.wamid)
        self._by_wamid[news.tenant_id, news.wamid] = delivery.id
        if event := changed(delivery, change, news.status_at):
            self.drafts.append(event)

    @property
    def ended(self) -> list[Delivery]:
        """Deliveries that these news ended: proven sent while we were not sure."""
        return [self.known[id] for id in self.changes if not self.known[id].finished]


def moved(delivery: Delivery, news: News) -> Change | None:
    """None for what is no news. A delivery in doubt, refused or suppressed was sent after all."""
    if RANK[news.status] <= RANK.get(delivery.status, -1):
        return None
    return Change(news.status, 0, news.wamid, news.error_code, news.error_title)
