from router.quarantine_index import NumberPartition, QuarantineIndex

A0, A1, B0 = NumberPartition("A", 0), NumberPartition("A", 1), NumberPartition("B", 0)


def test_the_offset_to_commit_is_the_lowest_that_waits() -> None:
    index = QuarantineIndex()
    for offset in (3, 4, 5):
        index.mark_read(0, offset)
    index.mark_read(1, 9)
    index.add("A", 0, 4)
    index.add("B", 0, 5)
    assert index.committable() == {0: 4, 1: 10}
    index.remove_first(A0, 1)
    assert index.committable() == {0: 5, 1: 10}
    index.remove_first(B0, 1)
    assert index.committable() == {0: 6, 1: 10}


def test_offsets_come_in_order_and_in_portions() -> None:
    index = QuarantineIndex()
    for offset in (2, 5, 7):
        index.add("A", 1, offset)
    assert index.first_offsets(A1, most=2) == [2, 5]
    index.remove_first(A1, 2)
    assert index.numbers() == [A1]
    assert index.first_offsets(A1, most=2) == [7]
    index.remove_first(A1, 1)
    assert index.numbers() == []
    assert index.first_offsets(A1, most=2) == []


def test_the_oldest_of_a_number_gives_way_and_is_committed() -> None:
    index = QuarantineIndex(most=2)
    kept = []
    for offset in (3, 4, 5):
        index.mark_read(0, offset)
        kept.append(index.add("A", 0, offset))
    assert kept == [True, True, False]
    assert index.first_offsets(A0, most=9) == [4, 5]
    assert index.committable() == {0: 4}


def test_a_lost_partition_is_forgotten_alone() -> None:
    index = QuarantineIndex()
    for number, partition in [("A", 0), ("A", 1), ("B", 0)]:
        index.add(number, partition, 1)
        index.mark_read(partition, 1)
    index.drop_partition(0)
    assert index.numbers() == [A1]
    assert index.committable() == {1: 1}
