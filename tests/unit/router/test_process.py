from tests.support.router import a_record

from common.kafka.record import Record
from router.dedup import Memory
from router.process import Judge
from router.route import Routed


def explode(record: Record) -> Routed:
    if record.value == b"bad":
        raise KeyError(record.value)
    return Routed(facts={("1", "a"): None})


def test_our_own_failure_is_a_dead_letter_with_its_place_and_bytes() -> None:
    judge, record = Judge(explode, Memory(9)), a_record(b"bad", offset=41)
    (out,) = judge.outs_of(record)
    headers = dict(out.headers)
    assert (out.topic.name, out.value, out.key) == ("webhooks.raw.dlq", b"bad", "106540352242922")
    assert headers["dlq-offset"] == b"41"
    assert headers["dlq-reason"] == b"route_failed"
    assert headers["dlq-detail"] == b"KeyError"
    assert headers["traceparent"] == record.headers["traceparent"]


def test_what_was_routed_is_remembered_and_what_failed_is_not() -> None:
    memory = Memory(9)
    judge = Judge(explode, memory)
    judge.outs_of(a_record(b"bad"))
    assert len(memory) == 0
    judge.outs_of(a_record(b"good"))
    assert ("1", "a") in memory


def test_eleven_failures_in_a_row_are_too_many_and_a_good_record_between_is_not() -> None:
    judge = Judge(explode, Memory(9))
    for _ in range(10):
        judge.outs_of(a_record(b"bad"))
    assert not judge.exceeded
    judge.outs_of(a_record(b"bad"))
    assert judge.exceeded
