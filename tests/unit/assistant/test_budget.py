"""Whether a request still fits into what its client and its contact may spend."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from assistant.budget import (
    LIMITS,
    WHOLE_CLIENT,
    Amount,
    Reservation,
    Spent,
    has_budget,
    reached_limits,
    today_of,
)
from common.events import TenantSettings

TODAY = date(2026, 11, 27)
CALL = Amount(tokens=100, micros=2000)


def a_reservation(conversation: int = 7, tenant: int = 1, **settings: Any) -> Reservation:
    given = TenantSettings(**settings)
    return Reservation(tenant, 3, 1, conversation, CALL.tokens, CALL.micros, TODAY, given)


def reached(*reservations: Reservation, **spent: Spent) -> list[str | None]:
    """spent: by the client and the contact of the first."""
    known = {
        (1, WHOLE_CLIENT): Spent(),
        (1, 7): Spent(),
        (1, 8): Spent(),
        (2, WHOLE_CLIENT): Spent(),
    }
    known |= {
        (1, {"client": WHOLE_CLIENT, "contact": 7}[name]): each for name, each in spent.items()
    }
    return [limit and limit.setting for limit in reached_limits(reservations, known)]


@pytest.mark.parametrize(
    ("setting", "cap", "spent"),
    [
        ("daily_token_budget", 250, {"client": Spent(day=Amount(tokens=150))}),
        ("monthly_token_budget", 250, {"client": Spent(month=Amount(tokens=150))}),
        ("contact_daily_token_budget", 250, {"contact": Spent(day=Amount(tokens=150))}),
        ("daily_budget_usd", 0.01, {"client": Spent(day=Amount(micros=8000))}),
        ("monthly_budget_usd", 0.01, {"client": Spent(month=Amount(micros=8000))}),
    ],
)
def test_each_limit_lets_pass_what_fits_and_nothing_more(
    setting: str, cap: Any, spent: dict[str, Spent]
) -> None:
    settings: dict[str, Any] = {setting: cap}
    one = a_reservation(**settings)
    assert reached(one, one, **spent) == [None, setting]
    more = {scope: each.plus(Amount(1, 1)) for scope, each in spent.items()}
    assert reached(one, **more) == [setting]


def test_what_one_contact_has_spent_keeps_no_other_from_asking() -> None:
    settings = {"contact_daily_token_budget": 100, "daily_token_budget": 300}
    ann, bob = a_reservation(7, **settings), a_reservation(8, **settings)
    contact = "contact_daily_token_budget"
    assert reached(ann, ann, bob) == [None, contact, None]
    spent = {"client": Spent(day=Amount(tokens=250))}
    assert reached(ann, bob, **spent) == ["daily_token_budget"] * 2


def test_what_is_refused_takes_no_room_from_others() -> None:
    small = a_reservation(daily_token_budget=100)
    assert reached(small._replace(tokens=101), small) == ["daily_token_budget", None]


def test_clients_do_not_share_a_budget() -> None:
    settings = {"daily_token_budget": 100}
    assert reached(a_reservation(**settings), a_reservation(tenant=2, **settings)) == [None, None]


def test_a_day_and_a_month_are_those_of_the_clients_time_zone() -> None:
    now = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)
    zones = ("America/Mexico_City", "Europe/Madrid", "Pacific/Kiritimati", "No/Where")
    days = [today_of(TenantSettings(timezone=zone), now) for zone in zones]
    assert days == [date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 1), date(2026, 12, 1)]
    assert LIMITS[0].begin(days[0]) == days[0]
    assert LIMITS[1].begin(days[0]) == date(2026, 11, 1)


def test_only_clients_with_a_budget_have_one() -> None:
    assert not has_budget(TenantSettings())
    assert all(has_budget(TenantSettings(**{limit.setting: 1})) for limit in LIMITS)
