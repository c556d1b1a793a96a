"""Statuses applied to deliveries."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import DeliveryChanged
from sender.status_transitions import RANK, Copy, LockedDelivery, StatusTransitions, StatusUpdate

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_delivery(status: str, wamid: str | None = "w", finished: bool = True) -> LockedDelivery:
    return LockedDelivery(
        id=1,
        tenant_id=1,
        delivery_id=str(uuid4()),
        reply_id="r",
        part=1,
        parts=1,
        phone_number_id="n",
        contact_id="c",
        trace_id=TRACE,
        answers=["wamid.1"],
        failure=None,
        status=status,
        wamid=wamid,
        template=None,
        template_takes_text=None,
        finished=finished,
        reason=None,
        pricing_type=None,
        pricing_category=None,
        copies=[],
    )


def a_status(
    status: str,
    wamid: str = "w",
    delivery: LockedDelivery | None = None,
    error_code: int | None = None,
    price: str | None = None,
) -> StatusUpdate:
    return StatusUpdate(
        tenant_id=1,
        wamid=wamid,
        status=status,
        status_at=NOW,
        error_code=error_code,
        error_title=None,
        delivery_id=delivery.delivery_id if delivery else None,
        pricing_type=price,
        pricing_category="service" if price else None,
    )


def told(transitions: StatusTransitions) -> list[DeliveryChanged]:
    return [draft.event for draft in transitions.drafts if isinstance(draft.event, DeliveryChanged)]


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


def test_a_second_copy_is_told_apart_once_and_changes_nothing() -> None:
    delivery = a_delivery("accepted", wamid="second")
    transitions = StatusTransitions([delivery])
    for status in ("sent", "delivered", "read"):
        transitions.apply(a_status(status, wamid="first", delivery=delivery))
    assert transitions.copies == [Copy(1, delivery.delivery_id, "first")]
    assert transitions.updates == {}
    later = StatusTransitions([transitions.known[1]])
    later.apply(a_status("read", wamid="first", delivery=delivery))
    assert later.copies == []
    later.apply(a_status("read", wamid="third", delivery=delivery))
    assert [copy.wamid for copy in later.copies] == ["third"]


@given(
    st.sampled_from(["accepted", "sent", "unknown", "rejected"]),
    st.lists(
        st.tuples(
            st.sampled_from(["sent", "delivered", "read", "played", "failed"]),
            st.sampled_from([None, "regular"]),
        ),
        max_size=8,
    ),
)
def test_in_any_order_a_status_never_goes_back_and_a_price_is_never_lost(
    before: str, statuses: list[tuple[str, str | None]]
) -> None:
    transitions = StatusTransitions([a_delivery(before)])
    reached = -1
    for name, price in statuses:
        transitions.apply(
            a_status(name, error_code=131026 if name == "failed" else None, price=price)
        )
        now = RANK.get(transitions.known[1].status, -1)
        assert now >= max(reached, RANK[name])
        reached = now
    events = told(transitions)
    assert len({event.event_id for event in events}) == len(events)
    assert len({(event.state, event.pricing_type) for event in events}) == len(events)
    names = {name for name, _ in statuses}
    if "failed" not in names and any(price for _, price in statuses):
        assert events[-1].pricing_type == "regular"


def test_the_price_of_an_earlier_status_travels_on() -> None:
    transitions = StatusTransitions([a_delivery("accepted")])
    transitions.apply(a_status("sent", price="regular"))
    transitions.apply(a_status("delivered"))
    assert [
        (event.state, event.pricing_type, event.pricing_category) for event in told(transitions)
    ] == [
        ("sent", "regular", "service"),
        ("delivered", "regular", "service"),
    ]
    assert transitions.updates[1].pricing_type == "regular"


def test_a_price_that_comes_after_its_status_is_told_with_the_status_that_stays() -> None:
    transitions = StatusTransitions([a_delivery("accepted")])
    transitions.apply(a_status("read"))
    transitions.apply(a_status("sent", price="free_customer_service"))
    transitions.apply(a_status("delivered", price="free_customer_service"))
    assert [(event.state, event.pricing_type) for event in told(transitions)] == [
        ("read", None),
        ("read", "free_customer_service"),
    ]
    assert transitions.moved == ["read"]


def test_what_failed_is_not_billed() -> None:
    transitions = StatusTransitions([a_delivery("failed")])
    transitions.apply(a_status("sent", price="regular"))
    assert transitions.updates == {}


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        ("accepted", "failed", True),
        ("sent", "failed", True),
        ("unknown", "delivered", True),
        ("unknown", "failed", True),
        ("rejected", "sent", True),
        ("suppressed", "sent", True),
        ("failed", "read", True),
        ("accepted", "sent", False),
        ("read", "failed", False),
    ],
)
def test_what_ended_otherwise_than_it_seemed(before: str, after: str, turns: bool) -> None:
    transitions = StatusTransitions([a_delivery(before)])
    transitions.apply(a_status(after, error_code=131042 if after == "failed" else None))
    assert [delivery.status for delivery in transitions.turned] == ([before] if turns else [])


def test_a_failure_after_its_acceptance_names_number_and_code_once() -> None:
    transitions = StatusTransitions([a_delivery("accepted")])
    for _ in range(2):
        transitions.apply(a_status("failed", error_code=131042))
    assert transitions.failed == [("n", 131042)]


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
