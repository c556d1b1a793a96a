"""Statuses applied to deliveries."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import pytest

from sender.status_transitions import StatusTransitions, StatusUpdate
from sender.tables import Delivery

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_delivery(status: str, wamid: str | None = "w", finished: bool = True) -> Delivery:
    return Delivery(
        1, 1, str(uuid4()), "r", 1, 1, "n", "c", TRACE, ["wamid.1"], None, status, wamid, finished
    )


def a_status(status: str, wamid: str = "w", delivery: Delivery | None = None) -> StatusUpdate:
    return StatusUpdate(
        1, wamid, status, NOW, None, None, delivery.delivery_id if delivery else None
    )


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])))
def test_any_order_ends_at_the_furthest(order: tuple[str, ...]) -> None:
    transitions = StatusTransitions([a_delivery("accepted")])
    for status in order:
        transitions.apply(a_status(status))
    assert transitions.known[1].status == "read"
    assert len(transitions.drafts) == order.index("read") + 1 - (order[:2] == ("delivered", "sent"))


@pytest.mark.parametrize(
    ("before", "after"), [("accepted", "failed"), ("sent", "failed"), ("read", "read")]
)
def test_failed_counts_only_while_nothing_arrived(before: str, after: str) -> None:
    transitions = StatusTransitions([a_delivery(before)])
    transitions.apply(a_status("failed"))
    assert transitions.known[1].status == after


@pytest.mark.parametrize("before", ["pending", "sending", "unknown"])
def test_a_tagged_status_ends_a_delivery_that_was_in_doubt(before: str) -> None:
    delivery = a_delivery(before, wamid=None, finished=False)
    transitions = StatusTransitions([delivery])
    transitions.apply(a_status("sent", delivery=delivery))
    transitions.apply(a_status("delivered"))
    assert [delivery.id for delivery in transitions.ended] == [1]
    assert (transitions.known[1].status, transitions.known[1].wamid) == ("delivered", "w")


def test_a_second_copy_is_told_apart_and_changes_nothing() -> None:
    delivery = a_delivery("accepted", wamid="second")
    transitions = StatusTransitions([delivery])
    transitions.apply(a_status("read", wamid="first", delivery=delivery))
    assert transitions.duplicates == [delivery]
    assert transitions.updates == {}


def test_a_status_of_no_known_delivery_is_unmatched() -> None:
    transitions = StatusTransitions([a_delivery("accepted")])
    unmatched = a_status("sent", wamid="other")
    transitions.apply(unmatched)
    assert transitions.unmatched == [unmatched]


def test_a_tag_of_a_delivery_that_is_gone_is_not_kept() -> None:
    """A delivery is stored before its send: its status cannot come before it."""
    transitions = StatusTransitions([])
    transitions.apply(a_status("sent", delivery=a_delivery("sending")))
    assert transitions.unmatched == []
