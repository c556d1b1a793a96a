"""How statuses move deliveries. Pure: deliveries and statuses in, updates and events out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from common.outbox_rows import EventDraft
from sender.events import delivery_changed
from sender.tables import Delivery, DeliveryUpdate

# A delivery only moves up, in any order of statuses. Delivered outranks failed.
RANK = {"accepted": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4, "played": 5}


class StatusUpdate(NamedTuple):
    """A status as it applies to a delivery. `delivery_id`: from a tag of ours, None without one."""

    tenant_id: int
    wamid: str
    status: str
    status_at: datetime
    error_code: int | None
    error_title: str | None
    delivery_id: str | None = None


class StatusTransitions:
    """Applies statuses to deliveries one by one.

    updates: the last one by the delivery's id. unmatched: statuses without a
    tag whose message may become known; a delivery with a tag is stored before its send.
    duplicates: deliveries that were sent twice, because a lost answer was an acceptance.
    """

    def __init__(self, deliveries: Iterable[Delivery]) -> None:
        self.known = {delivery.id: delivery for delivery in deliveries}
        self.updates: dict[int, DeliveryUpdate] = {}
        self.drafts: list[EventDraft] = []
        self.unmatched: list[StatusUpdate] = []
        self.duplicates: list[Delivery] = []
        self._by_delivery = {known.delivery_id: known.id for known in self.known.values()}
        self._by_wamid = {(known.tenant_id, known.wamid): known.id for known in self.known.values()}

    def apply(self, status: StatusUpdate) -> None:
        delivery = self._find(status)
        if delivery is None:
            self.unmatched += [status] if status.delivery_id is None else []
        elif delivery.wamid not in (None, status.wamid):
            self.duplicates.append(delivery)
        elif update := next_update(delivery, status):
            self._update(delivery, update, status)

    def _find(self, status: StatusUpdate) -> Delivery | None:
        if status.delivery_id:
            id = self._by_delivery.get(status.delivery_id)
        else:
            id = self._by_wamid.get((status.tenant_id, status.wamid))
        return None if id is None else self.known[id]

    def _update(self, delivery: Delivery, update: DeliveryUpdate, status: StatusUpdate) -> None:
        self.updates[delivery.id] = update
        self.known[delivery.id] = replace(delivery, status=status.status, wamid=status.wamid)
        self._by_wamid[status.tenant_id, status.wamid] = delivery.id
        if event := delivery_changed(delivery, update, status.status_at):
            self.drafts.append(event)

    @property
    def conversations(self) -> set[str]:
        """Of the deliveries that change: the keys of their events."""
        return {self.known[id].conversation for id in self.updates}

    @property
    def ended(self) -> list[Delivery]:
        """Unfinished deliveries that a status has proven sent."""
        return [self.known[id] for id in self.updates if not self.known[id].finished]


def next_update(delivery: Delivery, status: StatusUpdate) -> DeliveryUpdate | None:
    """None where the status adds nothing. An unknown, rejected or suppressed delivery may turn out
    to have been sent."""
    if RANK[status.status] <= RANK.get(delivery.status, -1):
        return None
    return DeliveryUpdate(status.status, 0, status.wamid, status.error_code, status.error_title)
