"""`manage_clients.py trace` on a real broker."""

import json

import pytest
from tests.support.builders import (
    CONTACT,
    NUMBER,
    a_delivery,
    a_message,
    a_reply,
    a_status,
    an_outcome,
)
from tests.support.kafka import Broker
from tests.support.records import produce
from tests.support.tenant_admin import Ran, command

from common.events.event import Event
from common.topics import (
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    WEBHOOKS_RAW,
    Topic,
)

pytestmark = pytest.mark.integration
WAMID = "wamid.in.1"
STAGES = ["webhook", "routed", "reply", "delivery", "outcome", "status"]


def trace(kafka: Broker, *words: str) -> Ran:
    return command("manage_clients.py", "trace", *words, **kafka.settings.kafka_environment())


@pytest.fixture
def journey(kafka: Broker) -> Broker:
    """Of one message, among those of others."""
    events: list[tuple[Topic, Event]] = []
    for wamid, sent, said in (
        (WAMID, "wamid.out.1", "ho\x1b]0;x\x07la \u202e"),
        ("w.2", "o.2", "b"),
    ):
        reply = {"reply_id": f"reply to {wamid}"}
        events += [
            (MESSAGES_INBOUND, a_message(said, wamid=wamid)),
            (REPLIES_OUTBOUND, a_reply(answers=(wamid,), **reply)),
            (DELIVERIES_EVENTS, a_delivery(wamid=sent, delivery_id=wamid, **reply)),
            (MESSAGES_STATUS, a_status("delivered", wamid=sent)),
            (MESSAGES_OUTCOME, an_outcome(wamid=wamid, **reply)),
        ]
        produce(kafka.settings, WEBHOOKS_RAW, [(NUMBER, f'{{"id":"{wamid}"}}'.encode())])
    for topic, event in events:
        produce(kafka.settings, topic, [(f"{NUMBER}:{CONTACT}", event.encode())])
    return kafka


def test_every_stage_of_one_message_is_told(journey: Broker) -> None:
    ran = trace(journey, WAMID, "--json")
    assert ran.returncode == 0, ran.stderr
    stages = json.loads(ran.stdout)
    assert sorted(stage["what"] for stage in stages) == sorted(STAGES)
    assert "w.2" not in ran.stdout
    table = trace(journey, WAMID).stdout
    assert all(stage in table for stage in STAGES)
    assert "answered" in table


def test_m14_words_do_not_steer_the_terminal(journey: Broker) -> None:
    for ran in (trace(journey, WAMID), trace(journey, WAMID, "--json")):
        assert "ho" in ran.stdout
        assert not set("\x9b\x1b\x07\u202e") & set(ran.stdout)


def test_the_id_of_our_answer_leads_to_what_it_answers(journey: Broker) -> None:
    ran = trace(journey, "wamid.out.1", "--json")
    assert sorted(stage["what"] for stage in json.loads(ran.stdout)) == sorted(STAGES)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("wamid.unknown",), 1, "--since"),
        ((WAMID, "--since", "yesterday"), 2, "error: since: "),
        ((WAMID, "--since", "99999999999d"), 2, "error: since: "),
        (("wamid.\x1b",), 2, "error: wamid: "),
    ],
)
def test_what_is_not_found_or_wrong_is_said(
    kafka: Broker, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = trace(kafka, *words)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
