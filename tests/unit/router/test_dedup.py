from router.dedup import Memory


def test_the_oldest_facts_are_forgotten_first() -> None:
    memory = Memory(2)
    memory.remember([("1", "a"), ("1", "b"), ("1", "c")])
    assert [("1", name) in memory for name in "abc"] == [False, True, True]


def test_without_room_nothing_is_remembered() -> None:
    memory = Memory(0)
    memory.remember([("1", "a")])
    assert len(memory) == 0
