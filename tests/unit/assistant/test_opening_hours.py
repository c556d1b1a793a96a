"""When a business is open: over midnight, until 24:00, several times a day, by its wall clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from assistant.opening_hours import closed_since, describe_opening_hours, is_open
from common.events import OpeningHours

Slot = tuple[int, str, str]  # ISO weekday, opens, closes
BAR: list[Slot] = [(5, "20:00", "02:00"), (7, "20:00", "02:00")]
SHOP: list[Slot] = [(1, "09:00", "14:00"), (1, "17:00", "20:30")]
MONDAY = datetime(2026, 11, 23)


def hours(slots: list[Slot]) -> list[OpeningHours]:
    return [
        OpeningHours.model_validate({"weekday": day, "opens": opens, "closes": closes})
        for day, opens, closes in slots
    ]


def at(weekday: int, clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return MONDAY.replace(day=MONDAY.day + weekday - 1, hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("slots", "weekday", "clock", "expected"),
    [
        (BAR, 5, "19:59", False),
        (BAR, 5, "20:00", True),
        (BAR, 6, "01:30", True),
        (BAR, 6, "02:00", False),
        (BAR, 6, "21:00", False),
        (BAR, 1, "01:30", True),  # from Sunday
        (BAR, 5, "01:30", False),  # Thursday it was closed
        (SHOP, 1, "13:59", True),
        (SHOP, 1, "14:00", False),
        (SHOP, 1, "17:00", True),
        (SHOP, 2, "10:00", False),
        ([(3, "18:00", "00:00")], 3, "23:59", True),
        ([(3, "18:00", "00:00")], 4, "00:00", False),
        ([(3, "00:00", "00:00")], 3, "00:00", True),
        ([(3, "00:00", "00:00")], 3, "23:59", True),
        ([(3, "00:00", "00:00")], 4, "00:00", False),
        ([(3, "09:00+02:00", "14:00Z")], 3, "10:00", True),
        ([], 3, "10:00", False),
    ],
)
def test_a_business_is_open_within_its_slots(
    slots: list[Slot], weekday: int, clock: str, expected: bool
) -> None:
    assert is_open(hours(slots), at(weekday, clock)) is expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ((2026, 3, 29, 0, 30), True),  # 01:30 in Madrid, then the clock goes to 03:00
        ((2026, 3, 29, 1, 0), False),
        ((2026, 10, 24, 23, 30), True),  # 01:30 in summer
        ((2026, 10, 25, 0, 30), False),  # 02:30, the first time
        ((2026, 10, 25, 1, 30), False),  # 02:30, the second time
    ],
)
def test_a_night_of_a_clock_change_is_open_as_the_clock_shows(
    utc: tuple[int, int, int, int, int], expected: bool
) -> None:
    local = datetime(*utc, tzinfo=UTC).astimezone(ZoneInfo("Europe/Madrid"))
    assert is_open(hours([(6, "20:00", "02:00")]), local) is expected


def test_the_model_is_told_the_week() -> None:
    slots = hours([*SHOP[::-1], (5, "20:00", "02:00"), (6, "20:00", "00:00")])
    assert describe_opening_hours(slots, at(6, "01:30")) == (
        "Opening hours: Mon 09:00-14:00, 17:00-20:30; Tue closed; Wed closed; Thu closed;"
        " Fri 20:00-02:00; Sat 20:00-24:00; Sun closed. Right now the business is open."
    )


@pytest.mark.parametrize(
    ("slots", "weekday", "clock", "expected"),
    [
        (SHOP, 1, "14:30", (1, "14:00")),
        (SHOP, 1, "08:00", (-6, "20:30")),
        (SHOP, 6, "10:00", (1, "20:30")),
        (BAR, 6, "02:00", (6, "02:00")),
        (BAR, 5, "19:59", (1, "02:00")),
        (BAR, 6, "01:30", None),
        ([(3, "18:00", "00:00")], 4, "00:00", (4, "00:00")),
        ([], 3, "10:00", None),
    ],
)
def test_a_closed_business_knows_since_when(
    slots: list[Slot], weekday: int, clock: str, expected: tuple[int, str] | None
) -> None:
    since = closed_since(hours(slots), at(weekday, clock))
    assert since == (at(*expected) if expected else None)
