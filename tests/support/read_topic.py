from collections.abc import Callable

from tests.support.records import await_events as events
from tests.support.records import await_records
from tests.support.records import read_events as everything

from common.kafka.record import Record
from common.topics import BY_NAME

__all__ = ["events", "everything", "records"]


def records(bootstrap: str, topic: str, enough: Callable[[list[Record]], bool]) -> list[Record]:
    return await_records(bootstrap, BY_NAME[topic], enough)
