"""What a client may spend, and whether a request still fits. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from common.events import TenantSettings
from common.time_zones import local_date

MICROS = 1_000_000  # of a dollar
WHOLE_CLIENT = 0  # stands for a conversation's id where all of a client's are meant

Scope = tuple[int, int]  # a tenant and a conversation, or WHOLE_CLIENT


class BudgetLimit(NamedTuple):
    """A budget: which setting of the client says how much, and of what."""

    setting: str
    is_of_contact: bool = False
    is_monthly: bool = False
    is_money: bool = False

    def begin(self, today: date) -> date:
        """The first day of the period that today belongs to."""
        return today.replace(day=1) if self.is_monthly else today


LIMITS = (
    BudgetLimit("daily_token_budget"),
    BudgetLimit("monthly_token_budget", is_monthly=True),
    BudgetLimit("contact_daily_token_budget", is_of_contact=True),
    BudgetLimit("daily_budget_usd", is_money=True),
    BudgetLimit("monthly_budget_usd", is_monthly=True, is_money=True),
)


class Amount(NamedTuple):
    tokens: int = 0
    micros: int = 0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.micros + other.micros)


class Spent(NamedTuple):
    """Of a scope today and this month, with what is reserved."""

    day: Amount = Amount()
    month: Amount = Amount()

    def plus(self, amount: Amount) -> "Spent":
        return Spent(self.day.plus(amount), self.month.plus(amount))


class Reservation(NamedTuple):
    """What a claimed turn may spend. today: in the client's time zone. settings: the client's."""

    tenant_id: int
    turn_id: int
    epoch: int
    conversation_id: int
    tokens: int
    micros: int
    today: date
    settings: TenantSettings

    @property
    def amount(self) -> Amount:
        return Amount(self.tokens, self.micros)

    @property
    def scopes(self) -> tuple[Scope, Scope]:
        """The client's and the contact's."""
        return (self.tenant_id, WHOLE_CLIENT), (self.tenant_id, self.conversation_id)


def today_of(settings: TenantSettings, now: datetime) -> date:
    return local_date(now, settings.timezone)


def has_budget(settings: TenantSettings) -> bool:
    return any(cap_of(settings, limit) is not None for limit in LIMITS)


def cap_of(settings: TenantSettings, limit: BudgetLimit) -> int | None:
    """Tokens or micro-dollars."""
    cap: float | None = getattr(settings, limit.setting)
    if cap is None:
        return None
    return round(cap * MICROS) if limit.is_money else int(cap)


def reached_limits(
    reservations: Sequence[Reservation], spent: Mapping[Scope, Spent]
) -> list[BudgetLimit | None]:
    """For each, in this order: the limit that it would pass, None where it fits. What fits counts
    for those behind it."""
    now = dict(spent)
    reached: list[BudgetLimit | None] = []
    for reservation in reservations:
        client, contact = reservation.scopes
        limit = reached_limit(reservation, now[client], now.get(contact, Spent()))
        reached.append(limit)
        if limit is None:
            now |= {
                scope: now[scope].plus(reservation.amount)
                for scope in reservation.scopes
                if scope in now
            }
    return reached


def reached_limit(reservation: Reservation, client: Spent, contact: Spent) -> BudgetLimit | None:
    for limit in LIMITS:
        cap = cap_of(reservation.settings, limit)
        spent = contact if limit.is_of_contact else client
        if cap is not None and measured(spent.plus(reservation.amount), limit) > cap:
            return limit
    return None


def measured(spent: Spent, limit: BudgetLimit) -> int:
    amount = spent.month if limit.is_monthly else spent.day
    return amount.micros if limit.is_money else amount.tokens
