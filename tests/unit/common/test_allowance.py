"""When giving up records must stop: more than 10 in a row, or more than 5 % in 5 minutes."""

from hypothesis import given
from hypothesis import strategies as st

from common.kafka.dead_letter import IN_A_ROW, SHARE, WINDOW_SECONDS, Allowance

GAPS = st.floats(0, 2)
EVENTS = st.lists(st.tuples(st.booleans(), st.integers(1, 40), GAPS), max_size=200)


def test_the_eleventh_in_a_row_is_too_many_and_a_good_one_begins_anew() -> None:
    allowance = Allowance()
    allowance.stored(10_000, 0)
    for _ in range(IN_A_ROW):
        allowance.dead(0)
    assert not allowance.exceeded
    allowance.stored(1, 0)
    allowance.dead(0)
    assert not allowance.exceeded
    for _ in range(IN_A_ROW):
        allowance.dead(0)
    assert allowance.exceeded


def test_old_records_no_longer_count() -> None:
    allowance = Allowance()
    for moment in range(20):
        allowance.dead(moment)
        allowance.stored(1, moment)
    assert allowance.exceeded
    allowance.stored(1, 20 + WINDOW_SECONDS + 1)
    assert not allowance.exceeded


@given(EVENTS)
def test_it_is_the_plain_count_of_the_window(events: list[tuple[bool, int, float]]) -> None:
    """Against a list of everything; within a second of the window's edge either answer is right."""
    allowance, now = Allowance(), 0.0
    seen: list[tuple[float, bool, int]] = []
    row = 0
    for good, count, gap in events:
        now += gap
        if good:
            allowance.stored(count, now)
            row = 0
        else:
            allowance.dead(now)
            row += 1
        seen.append((now, good, count if good else 1))
    assert allowance.exceeded in {
        row > IN_A_ROW or too_many(seen, now - WINDOW_SECONDS - slack) for slack in (0, 1)
    }


def too_many(seen: list[tuple[float, bool, int]], since: float) -> bool:
    good = sum(count for at, fine, count in seen if fine and at >= since)
    dead = sum(count for at, fine, count in seen if not fine and at >= since)
    return dead > IN_A_ROW and dead > SHARE * (good + dead)
