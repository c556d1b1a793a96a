from router.quarantine_index import QuarantineIndex, RecordOffset


def test_the_offset_to_commit_is_the_lowest_that_waits() -> None:
    index = QuarantineIndex()
    for offset in (3, 4, 5):
        index.mark_read(0, offset)
    index.mark_read(1, 9)
    index.add("A", 0, 4)
    index.add("B", 0, 5)
    assert index.committable() == {0: 4, 1: 10}
    index.remove("A", [RecordOffset(0, 4)])
    assert index.committable() == {0: 5, 1: 10}
    index.remove("B", [RecordOffset(0, 5)])
    assert index.committable() == {0: 6, 1: 10}


def test_offsets_come_in_order_and_in_portions() -> None:
    index = QuarantineIndex()
    for offset in (7, 2, 5):
        index.add("A", 1, offset)
    assert index.offsets_of("A", most=2) == [(1, 2), (1, 5)]
    index.remove("A", [RecordOffset(1, 2), RecordOffset(1, 5)])
    assert index.numbers() == ["A"]
    assert index.offsets_of("A", most=2) == [(1, 7)]


def test_a_lost_partition_is_forgotten_alone() -> None:
    index = QuarantineIndex()
    for number, partition in [("A", 0), ("A", 1), ("B", 0)]:
        index.add(number, partition, 1)
        index.mark_read(partition, 1)
    index.drop_partition(0)
    assert index.numbers() == ["A"]
    assert index.committable() == {1: 1}
