"""Whether to send, and what an attempt means for the row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import NUMBER, TRACE
from tests.support.sender import a_tenant

from common.events import TenantConfig
from common.work import Done, Dropped, Later
from sender.decide import (
    DeliveryOutcome,
    Template,
    after_send,
    before_send,
    held_back,
    template_for,
)
from sender.finish_deliveries import update_of
from sender.holds import Held
from sender.tables import DeliveryUpdate, DueDelivery
from sender.whatsapp.graph_errors import FINAL, GRAPH_ERRORS, LATER
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, SendResult

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
        template=None,
        template_takes_text=None,
        finished=False,
        wa_id=None,
        kind="answer",
        body="hola",
        last_inbound_at=NOW - timedelta(minutes=1),
        created_at=NOW,
        refusals=0,
        resends=0,
        pair_refusals=0,
        refused_at=None,
        held_by=None,
        delivery_class="reply",
        newest=True,
        what=None,
        made_at=NOW - timedelta(seconds=30),
        expires_at=None,
        opted_out_at=None,
        handed_over_at=None,
        choices=None,
        quotes=None,
        media=None,
        template_sent=False,
        send_in=0.0,
        claimed_at=0.0,
    )
    return replace(delivery, **fields)


def unknown(resends: int) -> Dropped[DeliveryUpdate]:
    return Dropped("unknown", DeliveryUpdate("unknown", resends=resends))


OLD = NOW - timedelta(hours=23, seconds=1)
MADE, SOON = NOW - timedelta(seconds=30), NOW + timedelta(seconds=1)
BEFORE = MADE - timedelta(seconds=1)
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
        (due("unknown", resends=2), TENANT, unknown(2)),
        (due("unknown", resends=1, newest=False), TENANT, unknown(1)),
        (due("unknown", resends=1), INACTIVE, unknown(1)),
        (due("unknown", resends=1), None, unknown(1)),
        (due("unknown", resends=1, last_inbound_at=OLD), TENANT, unknown(1)),
        (due("unknown", resends=1, delivery_class="at_most_once"), TENANT, unknown(1)),
        (due("unknown", resends=3, newest=False, delivery_class="at_least_once"), TENANT, TENANT),
        (due("unknown", resends=4, delivery_class="at_least_once"), TENANT, unknown(4)),
        *(
            (due("unknown", resends=1, **fields), TENANT, unknown(1))
            for fields in ({"opted_out_at": NOW}, {"handed_over_at": NOW}, {"expires_at": NOW})
        ),
    ],
)
def test_before_a_send(delivery: DueDelivery, tenant: TenantConfig | None, expected: Any) -> None:
    assert before_send(delivery, tenant, NOW) == expected


WITH_TEMPLATE = a_tenant(settings={"window_template": "we_answered"})
SETTINGS = WITH_TEMPLATE.settings
TEMPLATE = Template("we_answered", template_takes_text=False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Later(0.0, "template")),
        ({"kind": "notice", "what": "person"}, Later(0.0, "template")),
        ({"kind": "notice"}, Dropped("window_closed")),
        ({"kind": "notice", "what": "person", "media": {"id": "1"}}, Dropped("window_closed")),
        ({"expires_at": NOW}, Dropped("stale")),
        ({"template_sent": True}, Dropped("template_sent_today")),
        ({"template_sent": True, "failure": "http_500"}, Dropped("window_closed")),
        ({"template_sent": True, "what": "person"}, Dropped("template_sent_today")),
        ({"failure": "http_500"}, Dropped("window_closed")),
        ({"opted_out_at": NOW}, Dropped("opted_out")),
        ({"status": "unknown", "resends": 1}, Dropped("unknown")),
        ({"template": "we_answered", "template_takes_text": False}, WITH_TEMPLATE),
        ({"template": "old", "template_takes_text": False}, Later(0.0, "template")),
        ({"template": "we_answered", "made_at": OLD}, Dropped("window_closed")),
        ({"template": "we_answered", "status": "sending"}, Later(900.0, "taken_over")),
        ({"template": "we_answered", "status": "unknown", "resends": 1}, Dropped("unknown")),
    ],
)
def test_outside_the_window_a_template_goes(fields: dict[str, Any], expected: Any) -> None:
    outcome = before_send(due(**{"last_inbound_at": OLD} | fields), WITH_TEMPLATE, NOW)
    if isinstance(expected, TenantConfig) or isinstance(outcome, TenantConfig):
        assert outcome is expected
    elif isinstance(expected, Later):
        assert isinstance(outcome, Later)
        assert (outcome.seconds, outcome.reason) == (expected.seconds, expected.reason)
        if expected.reason == "template":
            assert update_of(outcome) == DeliveryUpdate(
                "pending", template="we_answered", template_takes_text=False
            )
    else:
        assert isinstance(outcome, Dropped)
        assert outcome.reason == expected.reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "notice", "what": "person"}, "template"),
        ({"kind": "notice", "what": "person", "part": 2}, "template_sent_today"),
        ({}, "template_sent_today"),
    ],
)
def test_a_persons_words_leave_each_time_with_a_template_that_takes_them(
    fields: dict[str, Any], reason: str
) -> None:
    tenant = a_tenant(
        settings={"window_template": "we_answered", "window_template_takes_text": True}
    )
    again = due(**fields, last_inbound_at=OLD, template_sent=True)
    outcome = before_send(again, tenant, NOW)
    assert not isinstance(outcome, TenantConfig)
    assert outcome.reason == reason


def test_a_client_that_gives_its_template_up_sends_none() -> None:
    marked = due(last_inbound_at=OLD, template="we_answered", template_takes_text=False)
    assert before_send(marked, TENANT, NOW) == Dropped(
        "window_closed", DeliveryUpdate("suppressed")
    )


def after(
    delivery: DueDelivery,
    result: SendResult,
    held: Held | None = None,
    jitter: float = 1.0,
    template: Template | None = None,
) -> DeliveryOutcome:
    return after_send(delivery, result, held, NOW, jitter, template)


def refused(key: int | tuple[int, int], retry_after: float = 0.0) -> Refused:
    code = key if isinstance(key, int) else key[0]
    return Refused(code, "No", GRAPH_ERRORS[key], retry_after)


def test_after_a_send() -> None:
    assert after(due(), Accepted("w")) == Done(DeliveryUpdate("accepted", 0, "w"), "accepted")
    assert after(due(), Ambiguous("x")) == Later(90, "unknown:x", DeliveryUpdate("unknown"))
    away = Held("graph", 0.7, None)
    waiting = Later(0.7, "not_sent:x", DeliveryUpdate("pending", 2, held_by="graph"))
    assert after(due(refusals=2), NotSent("x"), away) == waiting


@pytest.mark.parametrize(
    ("delivery", "seconds"),
    [
        (due(delivery_class="at_most_once"), 900),
        (due(delivery_class="at_least_once"), 30),
        (due(delivery_class="at_least_once", resends=2), 120),
    ],
)
def test_how_long_a_status_may_take_depends_on_the_class(
    delivery: DueDelivery, seconds: float
) -> None:
    outcome = after(delivery, Ambiguous("x"))
    assert isinstance(outcome, Later)
    assert outcome.seconds == seconds


def test_a_handler_that_always_fails_ends_its_delivery_as_unknown() -> None:
    assert update_of(Dropped("always_fails:KeyError")) == DeliveryUpdate("unknown")
    assert update_of(Later(1, "failed:KeyError")) is None


def test_a_refusal_that_may_pass_is_tried_again_inside_the_window_only() -> None:
    again = Later(1, "131016", DeliveryUpdate("pending", 1, None, 131016, "No", refused_at=NOW))
    over = Dropped("131016", DeliveryUpdate("rejected", 1, None, 131016, "No"))
    assert after(due(), refused(131016)) == again
    assert after(due(last_inbound_at=OLD), refused(131016)) == over


@pytest.mark.parametrize(
    ("fields", "again"),
    [
        ({"refusals": 6}, True),
        ({"refusals": 7}, False),
        ({"refusals": 3, "pair_refusals": 4}, False),
        ({"refusals": 1, "refused_at": NOW - timedelta(minutes=9)}, True),
        ({"refusals": 1, "refused_at": NOW - timedelta(minutes=10)}, False),
        ({"refusals": 1, "newest": False, "refused_at": NOW - timedelta(seconds=57)}, True),
        ({"refusals": 1, "newest": False, "refused_at": NOW - timedelta(seconds=59)}, False),
    ],
)
def test_a_refusal_holds_up_its_conversation_for_minutes_at_most(
    fields: dict[str, Any], again: bool
) -> None:
    outcome = after(due(**fields), refused(131000))
    assert isinstance(outcome, Later if again else Dropped)


def seconds_of(outcome: DeliveryOutcome) -> float:
    assert isinstance(outcome, Later)
    return outcome.seconds


def test_waits_grow_with_full_jitter() -> None:
    waits = [seconds_of(after(due(refusals=tries), refused(131000))) for tries in range(7)]
    assert waits == [1, 2, 4, 8, 16, 32, 60]
    assert seconds_of(after(due(refusals=5), refused(131000), jitter=0.25)) == 8
    assert seconds_of(after(due(refusals=1), refused(2, retry_after=33), jitter=0.5)) == 34


def test_only_refusals_of_the_pair_lengthen_its_wait() -> None:
    waits = [
        seconds_of(after(due(pair_refusals=tries), refused(131056), jitter=0.0))
        for tries in range(5)
    ]
    assert waits == [1, 4, 16, 64, 256]
    after_others = after(due(refusals=3), refused(131056), jitter=0.0)
    counted = DeliveryUpdate("pending", 3, None, 131056, "No", pair_refusals=1, refused_at=NOW)
    assert after_others == Later(1, "131056", counted)


def test_a_window_that_meta_takes_for_closed_is_tried_once_more() -> None:
    assert seconds_of(after(due(), refused(131047))) == 30
    assert isinstance(after(due(refusals=1), refused(131047)), Dropped)


def test_a_template_goes_where_meta_takes_the_window_for_closed_again() -> None:
    delivery = due(refusals=1, refused_at=NOW)
    assert seconds_of(after(due(), refused(131047), template=TEMPLATE)) == 30
    outcome = after(delivery, refused(131047), template=template_for(delivery, SETTINGS))
    assert isinstance(outcome, Later)
    update = update_of(outcome)
    assert update
    assert (outcome.seconds, update.template, update.refusals) == (0.0, "we_answered", 2)
    sent_today = replace(delivery, template_sent=True)
    assert template_for(sent_today, SETTINGS) is None
    assert isinstance(after(sent_today, refused(131047)), Dropped)


@pytest.mark.parametrize("code", [132000, 132001, 132015, 132018])
def test_a_template_that_meta_refuses_ends_the_reply(code: int) -> None:
    marked = due(template="we_answered", quotes="wamid.1", choices={"text": "x"})
    outcome = after(marked, refused(code), template=TEMPLATE)
    assert isinstance(outcome, Dropped)
    assert outcome.reason == str(code)


def test_a_template_waits_for_its_turn_outside_the_window_too() -> None:
    marked = due(last_inbound_at=OLD, template="we_answered")
    assert isinstance(after(marked, refused(131056)), Later)
    assert isinstance(after(marked, refused(130429), Held("number:1", 60, refused(130429))), Later)


@pytest.mark.parametrize("code", [130429, 190, 131042])
def test_what_holds_others_back_too_is_no_try_and_ends_with_the_window(code: int) -> None:
    held = Held("number:1", 600, refused(code))
    update = DeliveryUpdate("pending", 7, None, code, "No", held_by="number:1")
    assert after(due(refusals=7), refused(code), held) == Later(600, str(code), update)
    assert isinstance(after(due(last_inbound_at=OLD), refused(code), held), Dropped)


def test_what_is_held_back_waits_for_the_holds_end() -> None:
    held = Held("token:t", 12, refused(190))
    waits = Later(12, "held:190", DeliveryUpdate("pending", held_by="token:t"))
    assert held_back(due(), held) == waits
    away = Later(2, "held:unreachable", DeliveryUpdate("pending", held_by="graph"))
    assert held_back(due(), Held("graph", 2, None)) == away


def test_a_copy_that_was_held_back_is_not_spent() -> None:
    delivery = due("unknown", resends=1)
    waits = Later(2, "held:unreachable", DeliveryUpdate("unknown", held_by="graph"))
    assert held_back(delivery, Held("graph", 2, None)) == waits
    again = after(delivery, refused(131000))
    assert again.result == DeliveryUpdate("unknown", 1, None, 131000, "No", refused_at=NOW)


@pytest.mark.parametrize("code", [368, 131031, 131048])
def test_what_meta_forbids_is_refused_for_good_without_a_call(code: int) -> None:
    held = Held("number:1", 3600, refused(code))
    ended = Dropped(str(code), DeliveryUpdate("rejected", 1, None, code, "No"))
    assert after(due(), refused(code), held) == ended
    assert held_back(due(), held) == ended
    assert held_back(due("unknown", resends=1), held) == unknown(1)


def test_unknown_codes_are_known_by_what_graph_says_of_them() -> None:
    assert isinstance(after(due(), Refused(999999, "No", LATER)), Later)
    assert isinstance(after(due(), Refused(999999, "No", FINAL)), Dropped)


def test_a_refused_file_has_no_plain_text_to_try() -> None:
    refusal = Refused(131009, "", FINAL)
    quoting = after_send(due(quotes="wamid.1"), refusal, None, NOW, jitter=0.0)
    file = due(quotes="wamid.1", media={"id": "7"})
    assert isinstance(quoting, Later)
    assert isinstance(after_send(file, refusal, None, NOW, jitter=0.0), Dropped)
