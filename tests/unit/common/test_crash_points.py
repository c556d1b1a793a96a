"""Where a service is told to end."""

import pytest

from common.service.crash_points import CrashPoints, check_crash_at


def test_it_ends_at_its_point_the_time_it_was_told_to() -> None:
    crashes: list[str] = []
    points = CrashPoints("work.handled:2", lambda: crashes.append("now"))
    points.reached("work.claimed")
    points.reached("work.handled")
    assert not crashes
    points.reached("work.handled")
    assert crashes == ["now"]
    points.reached("work.handled")
    assert crashes == ["now"], "a replaced kill must not end it again"


def test_without_the_setting_it_never_ends() -> None:
    points = CrashPoints(None, lambda: pytest.fail("ended"))
    points.reached("work.claimed")


@pytest.mark.parametrize("wrong", ["work", "work.claimed:", "work.claimed:0", "work.claimed:x", ""])
def test_what_is_no_point_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"work\.handled"):
        check_crash_at(wrong)


def test_a_point_is_accepted() -> None:
    assert check_crash_at("outbox.stored:12") == "outbox.stored:12"
