from router.quarantine_index import Parked


def test_the_offset_to_commit_is_that_of_the_lowest_waiting_place() -> None:
    parked = Parked()
    for offset in (3, 4, 5):
        parked.passed(0, offset)
    parked.passed(1, 9)
    parked.park("A", 0, 4)
    parked.park("B", 0, 5)
    assert parked.offsets() == {0: 4, 1: 10}
    parked.released("A", [(0, 4)])
    assert parked.offsets() == {0: 5, 1: 10}
    parked.released("B", [(0, 5)])
    assert parked.offsets() == {0: 6, 1: 10}


def test_places_come_in_order_and_in_portions() -> None:
    parked = Parked()
    for offset in (7, 2, 5):
        parked.park("A", 1, offset)
    assert parked.places("A", most=2) == [(1, 2), (1, 5)]
    parked.released("A", [(1, 2), (1, 5)])
    assert parked.numbers() == ["A"]
    assert parked.places("A", most=2) == [(1, 7)]


def test_a_lost_partition_is_forgotten_alone() -> None:
    parked = Parked()
    for number, partition in [("A", 0), ("A", 1), ("B", 0)]:
        parked.park(number, partition, 1)
        parked.passed(partition, 1)
    parked.forget(0)
    assert parked.numbers() == ["A"]
    assert parked.offsets() == {1: 1}
