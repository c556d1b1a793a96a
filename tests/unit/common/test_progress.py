"""When a consumer counts as stalled, and when as outside its group."""

from common.kafka.progress import LONGEST_CHECKS, Progress


def checked(progress: Progress, times: int, *, lag: int = 1, waits: bool = False) -> Progress:
    for _ in range(times):
        progress.check(lag=lag, is_member=True, waits=waits)
    return progress


def test_a_minute_without_a_move_before_records_is_a_stall() -> None:
    assert not checked(Progress(), LONGEST_CHECKS - 1).is_stalled
    assert checked(Progress(), LONGEST_CHECKS).is_stalled


def test_who_has_nothing_to_read_or_says_that_it_waits_is_not_stalled() -> None:
    assert not checked(Progress(), 100, lag=0).is_stalled
    assert not checked(Progress(), 100, waits=True).is_stalled


def test_each_move_begins_the_minute_anew() -> None:
    progress = checked(Progress(), LONGEST_CHECKS - 1)
    progress.move()
    assert not checked(progress, LONGEST_CHECKS).is_stalled


def test_a_rebalance_is_no_leaving_but_a_minute_outside_is() -> None:
    progress = Progress()
    for is_member in [False, True] * 20 + [False] * (LONGEST_CHECKS - 1):
        progress.check(lag=0, is_member=is_member, waits=False)
        assert progress.is_member
    progress.check(lag=0, is_member=False, waits=False)
    assert not progress.is_member
