"""Statuses applied to deliveries."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import pytest

from sender.status_transitions import Following, News
from sender.tables import Delivery

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_delivery(status: str, wamid: str | None = "w", finished: bool = True) -> Delivery:
    return Delivery(
        1, 1, str(uuid4()), "r", 1, 1, "n", "c", TRACE, ["wamid.1"], status, wamid, finished
    )


def news(status: str, wamid: str = "w", delivery: Delivery | None = None) -> News:
    return News(1, wamid, status, NOW, None, None, delivery.delivery_id if delivery else None)


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])))
def test_any_order_ends_at_the_furthest(order: tuple[str, ...]) -> None:
    following = Following([a_delivery("accepted")])
    for status in order:
        following.apply(news(status))
    assert following.known[1].status == "read"
    assert len(following.drafts) == order.index("read") + 1 - (order[:2] == ("delivered", "sent"))


@pytest.mark.parametrize(
    ("before", "after"), [("accepted", "failed"), ("sent", "failed"), ("read", "read")]
)
def test_failed_counts_only_while_nothing_arrived(before: str, after: str) -> None:
    following = Following([a_delivery(before)])
    following.apply(news("failed"))
    assert following.known[1].status == after


@pytest.mark.parametrize("before", ["pending", "sending", "unknown"])
def test_a_tagged_status_ends_a_delivery_that_was_in_doubt(before: str) -> None:
    delivery = a_delivery(before, wamid=None, finished=False)
    following = Following([delivery])
    following.apply(news("sent", delivery=delivery))
    following.apply(news("delivered"))
    assert [one.id for one in following.ended] == [1]
    assert (following.known[1].status, following.known[1].wamid) == ("delivered", "w")


def test_a_second_copy_is_told_apart_and_changes_nothing() -> None:
    delivery = a_delivery("accepted", wamid="second")
    following = Following([delivery])
    following.apply(news("read", wamid="first", delivery=delivery))
    assert following.doubles == [delivery]
    assert following.changes == {}


def test_what_matches_nothing_is_a_stranger() -> None:
    following = Following([a_delivery("accepted")])
    stranger = news("sent", wamid="other")
    following.apply(stranger)
    assert following.strangers == [stranger]
