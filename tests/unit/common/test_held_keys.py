"""How long a key of the outbox waits after failures."""

from common.held_keys import LONGEST_WAIT, HeldKeys


class Times:
    def __init__(self) -> None:
        self.now = 100.0
        self.keys = HeldKeys(lambda: self.now)

    def wait_and_fail(self) -> float:
        """Seconds until the held key was due; its retry then fails."""
        began = self.now
        while not (due := self.keys.begin_retry()[0]):
            self.now += 1.0
        self.keys.end_retry(due)
        self.keys.hold("a")
        return self.now - began


def test_each_failure_doubles_the_wait_up_to_half_a_minute() -> None:
    times = Times()
    times.keys.hold("a")
    assert [times.wait_and_fail() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_rows_that_failed_together_count_once() -> None:
    times = Times()
    for _ in range(10):
        times.keys.hold("a")
    assert times.wait_and_fail() == 1


def test_a_row_that_arrived_ends_the_waits() -> None:
    times = Times()
    times.keys.hold("a")
    for _ in range(5):
        times.wait_and_fail()
    times.now += LONGEST_WAIT
    times.keys.end_retry(["a"])
    times.keys.arrived("a")
    times.keys.hold("a")
    assert times.wait_and_fail() == 1


def test_a_key_whose_newer_row_was_left_out_meanwhile_stays_held() -> None:
    times = Times()
    times.keys.hold("a")
    times.now += 1
    due, waiting = times.keys.begin_retry()
    times.keys.skip("a")
    times.keys.end_retry(due)
    assert (due, waiting, "a" in times.keys) == (["a"], [], True)
