"""How statuses move deliveries. Pure: deliveries and statuses in, updates and events out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from common.outbox_rows import EventDraft
from sender.events import SUCCESSFUL, delivery_changed
from sender.tables import Delivery, DeliveryUpdate

# A delivery only moves up, in any order of statuses. Delivered outranks failed.
RANK = {"accepted": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4, "played": 5}


class StatusUpdate(NamedTuple):
    """A status as it applies to a delivery. `delivery_id`: from a tag of ours, None without one.
    `phone_number_id` is not kept with a parked one."""

    tenant_id: int
    wamid: str
    status: str
    status_at: datetime
    error_code: int | None
    error_title: str | None
    delivery_id: str | None = None
    pricing_type: str | None = None
    pricing_category: str | None = None
    phone_number_id: str = ""


@dataclass(frozen=True, slots=True)
class LockedDelivery(Delivery):
    """A delivery as a status finds it. `reason`: see PartEnd. `copies`: the wamids of others of its
    copies, which a status has named."""

    reason: str | None
    pricing_type: str | None
    pricing_category: str | None
    copies: Sequence[str]


class Copy(NamedTuple):
    """A second message of the same delivery, because a lost answer was an acceptance."""

    id: int
    delivery_id: str
    wamid: str


class StatusTransitions:
    """Applies statuses to deliveries one by one.

    updates: the last one by the delivery's id. unmatched: statuses without a
    tag whose message may become known; a delivery with a tag is stored before its send.
    copies: those of which no status came before. failed: number and code of each delivery that
    failed after it was accepted.
    """

    def __init__(self, deliveries: Iterable[LockedDelivery]) -> None:
        self.before = {delivery.id: delivery for delivery in deliveries}
        self.known = dict(self.before)
        self.updates: dict[int, DeliveryUpdate] = {}
        self.drafts: list[EventDraft] = []
        self.unmatched: list[StatusUpdate] = []
        self.copies: list[Copy] = []
        self.failed: list[tuple[str, int]] = []
        self._by_delivery = {known.delivery_id: known.id for known in self.known.values()}
        self._by_wamid = {(known.tenant_id, known.wamid): known.id for known in self.known.values()}

    def apply(self, status: StatusUpdate) -> None:
        delivery = self._find(status)
        if delivery is None:
            self.unmatched += [status] if status.delivery_id is None else []
        elif delivery.wamid not in (None, status.wamid):
            self._add_copy(delivery, status.wamid)
        elif update := next_update(delivery, status):
            self._update(delivery, update, status)

    def _find(self, status: StatusUpdate) -> LockedDelivery | None:
        if status.delivery_id:
            id = self._by_delivery.get(status.delivery_id)
        else:
            id = self._by_wamid.get((status.tenant_id, status.wamid))
        return None if id is None else self.known[id]

    def _add_copy(self, delivery: LockedDelivery, wamid: str) -> None:
        if wamid not in delivery.copies:
            self.known[delivery.id] = replace(delivery, copies=[*delivery.copies, wamid])
            self.copies.append(Copy(delivery.id, delivery.delivery_id, wamid))

    def _update(
        self, delivery: LockedDelivery, update: DeliveryUpdate, status: StatusUpdate
    ) -> None:
        self.updates[delivery.id] = update
        self.known[delivery.id] = replace(
            delivery,
            status=update.status,
            wamid=status.wamid,
            pricing_type=update.pricing_type,
            pricing_category=update.pricing_category,
        )
        self._by_wamid[status.tenant_id, status.wamid] = delivery.id
        if event := delivery_changed(delivery, update, status.status_at):
            self.drafts.append(event)
        if update.status == "failed" and update.error_code is not None:
            self.failed.append((delivery.phone_number_id, update.error_code))

    @property
    def conversations(self) -> set[str]:
        """Of the deliveries that change: the keys of their events."""
        return {self.known[id].conversation for id in self.updates}

    @property
    def ended(self) -> list[Delivery]:
        """Unfinished deliveries that a status has proven sent."""
        return [self.known[id] for id in self.updates if not self.known[id].finished]

    @property
    def turned(self) -> list[LockedDelivery]:
        """Finished ones, as they were, that failed after all or turned out to have been sent."""
        changed = [(self.before[id], update.status) for id, update in self.updates.items()]
        return [
            before
            for before, status in changed
            if before.finished and not {before.status, status} <= SUCCESSFUL
        ]

    @property
    def moved(self) -> list[str]:
        """The statuses reached by deliveries that had another."""
        changed = [(self.before[id], update.status) for id, update in self.updates.items()]
        return [status for before, status in changed if before.status != status]

    @property
    def new_wamids(self) -> list[LockedDelivery]:
        """Deliveries whose message was not known before."""
        return [self.known[id] for id in self.updates if self.before[id].wamid is None]


def next_update(delivery: LockedDelivery, status: StatusUpdate) -> DeliveryUpdate | None:
    """None where the status adds nothing. An unknown, rejected or suppressed delivery may turn out
    to have been sent. A status that comes too late to move it may still tell the price."""
    price = price_of(delivery, status)
    if RANK[status.status] > RANK.get(delivery.status, -1):
        error = (status.error_code, status.error_title)
        return DeliveryUpdate(status.status, 0, status.wamid, *error, *price)
    if status.pricing_type and delivery.pricing_type is None and delivery.status in SUCCESSFUL:
        return DeliveryUpdate(delivery.status, 0, status.wamid, None, None, *price)
    return None


def price_of(delivery: LockedDelivery, status: StatusUpdate) -> tuple[str | None, str | None]:
    """Meta's type and category: the status's, else those of an earlier one."""
    source = status if status.pricing_type else delivery
    return source.pricing_type, source.pricing_category
