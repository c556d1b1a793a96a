from router.dedup import RecentlyRouted


def test_the_oldest_keys_are_forgotten_first() -> None:
    recent = RecentlyRouted(2)
    recent.add([("1", "a"), ("1", "b"), ("1", "c")])
    assert [("1", name) in recent for name in "abc"] == [False, True, True]


def test_without_room_nothing_is_remembered() -> None:
    recent = RecentlyRouted(0)
    recent.add([("1", "a")])
    assert len(recent) == 0
