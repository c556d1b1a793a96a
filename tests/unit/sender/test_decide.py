"""Whether to send, and what an attempt means for the row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import NUMBER, TRACE
from tests.support.sender import a_tenant

from common.events import TenantConfig
from common.work import Done, Dropped, Later
from sender.decide import after_send, before_send, retry_delay
from sender.finish_deliveries import update_of
from sender.tables import DeliveryUpdate, DueDelivery
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, Retry

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TENANT = a_tenant()


def due(status: str = "pending", **fields: Any) -> DueDelivery:
    delivery = DueDelivery(
        id=1,
        tenant_id=1,
        delivery_id="d",
        reply_id="r",
        part=1,
        parts=1,
        phone_number_id=NUMBER,
        contact_id="c",
        trace_id=TRACE,
        answers=["wamid.1"],
        failure=None,
        status=status,
        wamid=None,
        finished=False,
        wa_id=None,
        body="hola",
        last_inbound_at=NOW - timedelta(minutes=1),
        created_at=NOW,
        refusals=0,
        resends=0,
        newest=True,
        what=None,
        made_at=NOW - timedelta(seconds=30),
        expires_at=None,
        opted_out_at=None,
        handed_over_at=None,
        choices=None,
        quotes=None,
        send_in=0.0,
        claimed_at=0.0,
    )
    return replace(delivery, **fields)


OLD = NOW - timedelta(hours=23, seconds=1)
MADE, SOON = NOW - timedelta(seconds=30), NOW + timedelta(seconds=1)
BEFORE = MADE - timedelta(seconds=1)
UNKNOWN = Dropped("unknown", DeliveryUpdate("unknown"))
INACTIVE, OTHERS = a_tenant(active=False), a_tenant(2)


@pytest.mark.parametrize(
    ("delivery", "tenant", "expected"),
    [
        (due(), TENANT, TENANT),
        (due(last_inbound_at=NOW - timedelta(hours=23)), TENANT, TENANT),
        (due(), INACTIVE, Dropped("inactive", DeliveryUpdate("suppressed"))),
        (due(), OTHERS, Dropped("number_moved", DeliveryUpdate("suppressed"))),
        (due(last_inbound_at=OLD), TENANT, Dropped("window_closed", DeliveryUpdate("suppressed"))),
        (due(expires_at=NOW), TENANT, Dropped("stale", DeliveryUpdate("suppressed"))),
        (due(expires_at=SOON), TENANT, TENANT),
        (due(opted_out_at=NOW), TENANT, Dropped("opted_out", DeliveryUpdate("suppressed"))),
        (due(opted_out_at=MADE), TENANT, TENANT),  # the notice of that very command
        (due(opted_out_at=BEFORE), TENANT, TENANT),
        (
            due(opted_out_at=NOW, what="person"),
            TENANT,
            Dropped("opted_out", DeliveryUpdate("suppressed")),
        ),
        (
            due(handed_over_at=NOW),
            TENANT,
            Dropped("handed_over:taken_over", DeliveryUpdate("suppressed")),
        ),
        (due(handed_over_at=MADE), TENANT, TENANT),
        (due(handed_over_at=BEFORE), TENANT, TENANT),
        (due(handed_over_at=NOW, what="person"), TENANT, TENANT),
        (due(), None, Later(5, "number_unknown", DeliveryUpdate("pending"))),
        (
            due(created_at=NOW - timedelta(minutes=6)),
            None,
            Dropped("number_unknown", DeliveryUpdate("rejected")),
        ),
        (due("sending"), TENANT, Later(90, "taken_over", DeliveryUpdate("unknown"))),
        (
            due("sending", last_inbound_at=OLD),
            None,
            Later(90, "taken_over", DeliveryUpdate("unknown")),
        ),
        (due("unknown", resends=1), TENANT, TENANT),
        (due("unknown", resends=2), TENANT, Dropped("unknown", DeliveryUpdate("unknown"))),
        (
            due("unknown", resends=1, newest=False),
            TENANT,
            Dropped("unknown", DeliveryUpdate("unknown")),
        ),
        (due("unknown", resends=1), INACTIVE, Dropped("unknown", DeliveryUpdate("unknown"))),
        *(
            (due("unknown", resends=1, **fields), TENANT, UNKNOWN)
            for fields in ({"opted_out_at": NOW}, {"handed_over_at": NOW}, {"expires_at": NOW})
        ),
        (due("unknown", resends=1), None, Dropped("unknown", DeliveryUpdate("unknown"))),
        (
            due("unknown", resends=1, last_inbound_at=OLD),
            TENANT,
            Dropped("unknown", DeliveryUpdate("unknown")),
        ),
    ],
)
def test_before_a_send(delivery: DueDelivery, tenant: TenantConfig | None, expected: Any) -> None:
    assert before_send(delivery, tenant, NOW) == expected


def test_after_a_send() -> None:
    assert after_send(due(), Accepted("w"), NOW) == Done(
        DeliveryUpdate("accepted", 0, "w"), "accepted"
    )
    assert after_send(due(), Ambiguous("x"), NOW) == Later(
        90, "unknown:x", DeliveryUpdate("unknown")
    )
    assert after_send(due(refusals=2), NotSent("x"), NOW) == Later(
        5, "not_sent:x", DeliveryUpdate("pending", 2)
    )


def test_a_handler_that_always_fails_ends_its_delivery_as_unknown() -> None:
    assert update_of(Dropped("always_fails:KeyError")) == DeliveryUpdate("unknown")
    assert update_of(Later(1, "failed:KeyError")) is None


def test_a_refusal_that_may_pass_is_tried_again_inside_the_window_only() -> None:
    refusal = Refused(131016, "No", Retry.BACKOFF)
    again = Later(1, "131016", DeliveryUpdate("pending", 1, None, 131016, "No"))
    over = Dropped("131016", DeliveryUpdate("rejected", 1, None, 131016, "No"))
    assert after_send(due(), refusal, NOW) == again
    assert after_send(due(last_inbound_at=OLD), refusal, NOW) == over


def test_a_refusal_is_not_repeated_endlessly() -> None:
    refusal = Refused(131016, "No", Retry.BACKOFF)
    assert isinstance(after_send(due(refusals=39), refusal, NOW), Later)
    assert isinstance(after_send(due(refusals=40), refusal, NOW), Dropped)


def test_an_expired_token_costs_no_answer_while_whatsapps_window_is_open() -> None:
    refusal = Refused(190, "Expired", Retry.TENANT)
    assert isinstance(after_send(due(refusals=1000), refusal, NOW), Later)
    assert isinstance(after_send(due(last_inbound_at=OLD), refusal, NOW), Dropped)


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        (Retry.PAIR, [1, 4, 16, 64, 256, 600]),
        (Retry.BACKOFF, [1, 2, 4, 8, 16, 32]),
        (Retry.TENANT, [60] * 6),
        (Retry.NEVER, [None] * 6),
    ],
)
def test_waits_grow_as_meta_asks(retry: Retry, waits: list[float | None]) -> None:
    assert [retry_delay(Refused(1, "", retry), tries) for tries in range(6)] == waits


def test_a_longer_wait_that_meta_asks_for_counts() -> None:
    assert retry_delay(Refused(130429, "", Retry.BACKOFF, retry_after=33), 0) == 33
