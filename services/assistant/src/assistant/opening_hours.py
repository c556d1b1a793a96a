"""When a business is open, by its own wall clock, and how the model is told. Pure."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from common.events import OpeningHours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MIDNIGHT = time()


def describe_opening_hours(hours: Sequence[OpeningHours], local: datetime) -> str:
    """local: the time now in the business's zone. A summer time's hour counts as the clock shows
    it."""
    week = "; ".join(f"{DAYS[day - 1]} {spans(hours, day)}" for day in range(1, 8))
    state = "open" if is_open(hours, local) else "closed"
    return f"Opening hours: {week}. Right now the business is {state}."


def is_open(hours: Sequence[OpeningHours], local: datetime) -> bool:
    weekday, now = local.isoweekday(), local.time()
    return any(covers(slot, weekday, now) for slot in hours)


def closed_since(hours: Sequence[OpeningHours], local: datetime) -> datetime | None:
    """When a closed business closed last; None while it is open, and for one without hours."""
    if not hours or is_open(hours, local):
        return None
    days = [(local - timedelta(days=days)).date() for days in range(9)]
    closings = (
        datetime.combine(day, clock(slot.closes), local.tzinfo)
        + timedelta(days=clock(slot.closes) <= clock(slot.opens))
        for day in days
        for slot in hours_of(hours, day.isoweekday())
    )
    return max(closing for closing in closings if closing <= local)


def covers(slot: OpeningHours, weekday: int, now: time) -> bool:
    """A slot that closes at or before its opening goes on into the next day."""
    opens, closes = clock(slot.opens), clock(slot.closes)
    if closes > opens:
        return weekday == slot.weekday and opens <= now < closes
    is_next_day = weekday == slot.weekday % 7 + 1
    return (weekday == slot.weekday and now >= opens) or (is_next_day and now < closes)


def spans(hours: Sequence[OpeningHours], weekday: int) -> str:
    slots = sorted((clock(slot.opens), clock(slot.closes)) for slot in hours_of(hours, weekday))
    return ", ".join(span(opens, closes) for opens, closes in slots) or "closed"


def hours_of(hours: Sequence[OpeningHours], weekday: int) -> list[OpeningHours]:
    return [slot for slot in hours if slot.weekday == weekday]


def span(opens: time, closes: time) -> str:
    return f"{opens:%H:%M}-{'24:00' if closes == MIDNIGHT else f'{closes:%H:%M}'}"


def clock(at: time) -> time:
    """Hours stored before offsets were refused may have one, which no wall clock shows."""
    return at.replace(tzinfo=None)
