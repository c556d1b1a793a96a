"""Budgets are reserved before the model is asked, and settled by the finish.

Only turns of clients with a budget come here: two round trips for all that wait at once, in a
transaction under one lock per client. A reservation ends with its claim's finish, or with its
lease: nothing has to be given back after a crash.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from functools import partial

import structlog

from assistant.budget import (
    WHOLE_CLIENT,
    Amount,
    BudgetLimit,
    Reservation,
    Scope,
    Spent,
    reached_limits,
)
from common.postgres.connection import NO_WAIT, Connection, Statement
from common.postgres.database import Database
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.service import metrics

log = structlog.get_logger()
RESERVE_AT_MOST = 200

# One after the other decides for a client; always in the order of their ids.
LOCK_CLIENTS = Prepared("""
select pg_advisory_xact_lock(hashtext(current_schema() || '.reservation'), tenant_id)
from (select distinct tenant_id from unnest(%(tenant_id)s::int[]) t(tenant_id)
      order by tenant_id) tenants
""")
CLAIM = {"turn_id": "bigint", "epoch": "int"}
# Reservations whose process is gone, and those of a commit whose answer was lost.
REMOVE_ENDED = Prepared(f"""
delete from reservation where tenant_id = any(%(tenant_id)s::int[])
  and (until < now() or (turn_id, epoch) in (select turn_id, epoch from {unnest(CLAIM)}))
""")
SCOPE = {"tenant_id": "int", "conversation_id": "bigint", "today": "date", "month": "date"}
# What each scope has spent, and what is reserved in it.
READ_SPENT = Prepared(f"""
select given.tenant_id, given.conversation_id, spent.*, reserved.*
from {unnest(SCOPE)}
cross join lateral (
  select coalesce(sum(tokens) filter (where day = given.today), 0)::bigint as day_tokens,
    coalesce(sum(micros) filter (where day = given.today), 0)::bigint as day_micros,
    coalesce(sum(tokens), 0)::bigint as month_tokens,
    coalesce(sum(micros), 0)::bigint as month_micros
  from spend where spend.tenant_id = given.tenant_id
    and spend.conversation_id = given.conversation_id and day >= given.month) spent
cross join lateral (
  select coalesce(sum(tokens), 0)::bigint as reserved_tokens,
    coalesce(sum(micros), 0)::bigint as reserved_micros
  from reservation where reservation.tenant_id = given.tenant_id
    and given.conversation_id in ({WHOLE_CLIENT}, reservation.conversation_id)) reserved
""")
RESERVED = {
    **CLAIM,
    "tenant_id": "int",
    "conversation_id": "bigint",
    "tokens": "bigint",
    "micros": "bigint",
}
RESERVE = Prepared(f"""
insert into reservation ({names(RESERVED)}, until)
select {names(RESERVED)}, now() + %(seconds)s::float8 * interval '1 second' from {unnest(RESERVED)}
""")


class Budgets:
    """Loop thread only. seconds: the lease of a claim, after which its reservation counts no more.

    What waits while a transaction runs goes into the next one.
    """

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._waiting: list[tuple[Reservation, asyncio.Future[BudgetLimit | None]]] = []
        self._running: asyncio.Task[None] | None = None
        self._logged: dict[tuple[int, str], date] = {}

    async def reserve(self, reservation: Reservation) -> BudgetLimit | None:
        """The limit that the reservation would pass; None where it is made. Waits for the
        database; raises its other errors."""
        decided: asyncio.Future[BudgetLimit | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((reservation, decided))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        limit = await decided
        if limit:
            self._note_reached(reservation, limit)
        return limit

    async def _run(self) -> None:
        while self._waiting:
            batch = self._waiting[:RESERVE_AT_MOST]
            del self._waiting[:RESERVE_AT_MOST]
            try:
                limits = await self._reserve_all([reservation for reservation, _ in batch])
            except Exception as error:  # noqa: BLE001 - a failed try of each turn that waits for it
                for _, decided in batch:
                    if not decided.done():
                        decided.set_exception(error)
            else:
                for (_, decided), limit in zip(batch, limits, strict=True):
                    if not decided.done():  # cancelled meanwhile: its lease ends the reservation
                        decided.set_result(limit)

    async def _reserve_all(self, reservations: Sequence[Reservation]) -> list[BudgetLimit | None]:
        body = partial(reserve_all, reservations, self._seconds)
        return await self._database.call_with_retry(partial(self._database.run_transaction, body))

    def _note_reached(self, reservation: Reservation, limit: BudgetLimit) -> None:
        """Logged once per client, limit and period."""
        metrics.BUDGETS_REACHED.labels(limit.setting).inc()
        which, since = (reservation.tenant_id, limit.setting), limit.begin(reservation.today)
        if self._logged.get(which) != since:
            self._logged[which] = since
            log.warning("budget_reached", tenant_id=reservation.tenant_id, limit=limit.setting)


def reserve_all(
    reservations: Sequence[Reservation], seconds: float, connection: Connection
) -> list[BudgetLimit | None]:
    claims = arrays([*CLAIM, "tenant_id"], reservations)
    scopes = scopes_of(reservations)
    statements: list[Statement] = [
        (NO_WAIT, {}),
        (LOCK_CLIENTS, {"tenant_id": claims["tenant_id"]}),
        (REMOVE_ENDED, claims),
        (READ_SPENT, scope_columns(scopes)),
    ]
    rows = connection.execute_together(statements)
    spent = {
        (row.tenant_id, row.conversation_id): Spent(
            Amount(row.day_tokens, row.day_micros), Amount(row.month_tokens, row.month_micros)
        ).plus(Amount(row.reserved_tokens, row.reserved_micros))
        for row in rows
    }
    limits = reached_limits(reservations, spent)
    made = [each for each, limit in zip(reservations, limits, strict=True) if limit is None]
    insert = (RESERVE, arrays(RESERVED, made) | {"seconds": seconds})
    connection.execute_together([insert] if made else [], commit=True)
    return limits


def scopes_of(reservations: Sequence[Reservation]) -> dict[Scope, date]:
    """Each scope with a budget once, and its day."""
    scopes: dict[Scope, date] = {}
    for each in reservations:
        client, contact = each.scopes
        scopes[client] = each.today
        if each.settings.contact_daily_token_budget is not None:
            scopes[contact] = each.today
    return scopes


def scope_columns(scopes: dict[Scope, date]) -> dict[str, list[object]]:
    return {
        "tenant_id": [tenant_id for tenant_id, _ in scopes],
        "conversation_id": [conversation_id for _, conversation_id in scopes],
        "today": list(scopes.values()),
        "month": [today.replace(day=1) for today in scopes.values()],
    }
