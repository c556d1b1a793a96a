"""Wall time for facts, monotonic time for durations."""

from datetime import UTC, datetime, timedelta

from tests.support.clock import FixedClock

from common.service.clock import SystemClock


def test_the_system_clock_tells_utc_and_never_steps_back() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.monotonic() <= clock.monotonic()


def test_a_fixed_clock_moves_only_when_told() -> None:
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    clock = FixedClock(noon)
    assert (clock.now(), clock.monotonic()) == (noon, 0)
    clock.ticks += 2
    assert (clock.now(), clock.monotonic()) == (noon, 2)
