"""`python -m tests.bench.quarantine`: what 100,000 webhooks of 50 unknown numbers cost, as JSON."""

from time import perf_counter, process_time
from typing import Any

import orjson

from router.quarantine_index import NumberPartition, QuarantineIndex

RECORDS, NUMBERS, PARTITIONS = 100_000, 50, 24
PORTION = 200  # as the release takes them
TURNS = 20


def main() -> None:
    index = QuarantineIndex()
    fill = milliseconds(lambda: fill_index(index), 1)
    numbers = index.numbers()
    result: dict[str, Any] = {
        "records": RECORDS,
        "numbers": NUMBERS,
        "fill_ms": fill,
        "committable_ms": milliseconds(index.committable, TURNS),
        "first_offsets_ms": milliseconds(lambda: index.first_offsets(numbers[0], PORTION), TURNS),
        "idle_turn_cpu_ms": idle_turn_cpu_ms(index),
        "release_one_number_ms": milliseconds(lambda: release(index, numbers[1]), 1),
        "drop_partition_ms": milliseconds(lambda: index.drop_partition(3), 1),
    }
    print(orjson.dumps(result).decode())


def fill_index(index: QuarantineIndex) -> None:
    """A number is one key, so all its records are in one partition."""
    for record in range(RECORDS):
        number = record % NUMBERS
        partition, offset = number % PARTITIONS, record
        index.mark_read(partition, offset)
        index.add(f"10654035224{number:04d}", partition, offset)


def idle_turn_cpu_ms(index: QuarantineIndex) -> float:
    """A turn of the release in which nothing came: it looks at each number and at the offsets."""
    known: set[str] = set()
    began = process_time()
    for _ in range(TURNS):
        assert not [place for place in index.numbers() if place.number in known]
        index.committable()
    return round((process_time() - began) / TURNS * 1000, 3)


def release(index: QuarantineIndex, place: NumberPartition) -> None:
    while offsets := index.first_offsets(place, PORTION):
        index.remove_first(place, len(offsets))


def milliseconds(call: Any, times: int) -> float:
    """Of one call."""
    began = perf_counter()
    for _ in range(times):
        call()
    return round((perf_counter() - began) / times * 1000, 3)


if __name__ == "__main__":
    main()
