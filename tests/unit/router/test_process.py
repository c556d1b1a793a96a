from tests.support.router import a_record

from common.kafka.record import Record
from router.dedup import RecentlyRouted
from router.process import RecordProcessor
from router.route import RoutedWebhook


def explode(record: Record) -> RoutedWebhook:
    if record.value == b"bad":
        raise KeyError(record.value)
    return RoutedWebhook(keys={("1", "a"): None})


def test_our_own_failure_is_a_dead_letter_with_its_place_and_bytes() -> None:
    processor, record = RecordProcessor(explode, RecentlyRouted(9)), a_record(b"bad", offset=41)
    (outgoing,) = processor.process(record)
    headers = dict(outgoing.headers)
    assert (outgoing.topic.name, outgoing.value, outgoing.key) == (
        "webhooks.raw.dlq",
        b"bad",
        "106540352242922",
    )
    assert headers["dlq-offset"] == b"41"
    assert headers["dlq-reason"] == b"route_failed"
    assert headers["dlq-detail"] == b"KeyError"
    assert headers["traceparent"] == record.headers["traceparent"]


def test_what_was_routed_is_remembered_and_what_failed_is_not() -> None:
    recent = RecentlyRouted(9)
    processor = RecordProcessor(explode, recent)
    processor.process(a_record(b"bad"))
    assert len(recent) == 0
    processor.process(a_record(b"good"))
    assert ("1", "a") in recent


def test_eleven_failures_in_a_row_are_too_many_and_a_good_record_between_is_not() -> None:
    processor = RecordProcessor(explode, RecentlyRouted(9))
    for _ in range(10):
        processor.process(a_record(b"bad"))
    assert not processor.too_many_dead_letters
    processor.process(a_record(b"bad"))
    assert processor.too_many_dead_letters
