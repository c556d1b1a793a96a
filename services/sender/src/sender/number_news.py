"""accounts.events -> what Meta said of accounts and numbers that matters to sending.

The replica that gets the news stores them; each one looks every LOOK_EVERY seconds, also for what
was told before its start. Meta names a raised throughput by the number's digits alone, and most of
the rest by the account: which numbers are of one is learnt from the same topic. An account whose
numbers are not known yet is found out by one call, as all that no news tell.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from common.events import AccountNews
from common.postgres.connection import Connection, Rows
from common.postgres.database import Database
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, unnest
from sender.holds import BANNED_SECONDS

log = structlog.get_logger()
LOOK_EVERY = 5.0  # seconds
# By which of Meta's codes a send would be refused; what names a code itself has that one.
CODES = {"banned": 368, "restricted": 368, "payment": 131042}

TABLES = """
create table number_account (
  phone_number_id text primary key,
  waba_id text not null,
  code int,
  told_at timestamptz
);
create index number_account_waba on number_account (waba_id);
create table raised_number (
  phone_number text primary key,
  per_second int not null
);
"""
ACCOUNTS = {"phone_number_id": "text", "waba_id": "text"}
STORE_ACCOUNTS = Prepared(f"""
insert into number_account (phone_number_id, waba_id)
select distinct on (phone_number_id) phone_number_id, waba_id from {unnest(ACCOUNTS)}
order by phone_number_id, ordinality desc
on conflict (phone_number_id) do update set waba_id = excluded.waba_id
""")
RAISED = {"phone_number": "text", "messages_per_second": "int"}
STORE_RAISED = Prepared(f"""
insert into raised_number (phone_number, per_second)
select distinct on (phone_number) phone_number, messages_per_second from {unnest(RAISED)}
order by phone_number, ordinality desc
on conflict (phone_number) do update set per_second = excluded.per_second
""")
TOLD = ACCOUNTS | {"code": "int", "at": "timestamptz"}
# The newest of each number; news of the account are of all its numbers.
STORE_TOLD = Prepared(f"""
update number_account n set code = newest.code, told_at = newest.at
from (
  select distinct on (known.phone_number_id) known.phone_number_id, given.code, given.at
  from {unnest(TOLD)} join number_account known on case
    when given.phone_number_id is null then known.waba_id = given.waba_id
    else known.phone_number_id = given.phone_number_id end
  order by known.phone_number_id, given.at desc) newest
where n.phone_number_id = newest.phone_number_id and (n.told_at > newest.at) is not true
""")
# What was told longer ago has been probed since.
TOLD_LATELY = f"""
select phone_number_id, code, told_at from number_account
where told_at > now() - {BANNED_SECONDS} * interval '1 second'
"""
ALL_RAISED = "select phone_number, per_second from raised_number"


class Told(NamedTuple):
    """code: by which sends are refused now; None: that is over."""

    phone_number_id: str | None
    waba_id: str
    code: int | None
    at: datetime


def told(news: AccountNews) -> Told | None:
    """None for what says nothing about sending, such as a restriction of something else."""
    if news.what not in CODES or news.level == "warning":
        return None
    code = (news.code or CODES[news.what]) if news.level == "critical" else None
    return Told(news.phone_number_id, news.waba_id, code, news.at)


class NumberNews:
    """`store` runs on a consumer's thread, the rest on the loop; `raised_to` on any."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._raised: dict[str, int] = {}
        self._known: set[tuple[object, ...]] = set()

    def raised_to(self, digits: str) -> int | None:
        """Messages a second that Meta takes of the number, where it has raised them."""
        return self._raised.get(digits)

    def store(self, news: Sequence[AccountNews]) -> None:
        """One round trip."""
        accounts = [each for each in news if each.what == "number" and each.phone_number_id]
        raised = [each for each in news if each.messages_per_second and each.phone_number]
        holds = [each for each in map(told, news) if each]
        self._database.run_transaction(
            lambda connection: connection.execute_together(
                [
                    (STORE_ACCOUNTS, arrays(ACCOUNTS, accounts)),
                    (STORE_RAISED, arrays(RAISED, raised)),
                    (STORE_TOLD, arrays(TOLD, holds)),
                ],
                commit=True,
            )
        )

    async def look(self, on_news: Callable[[str, int | None], None]) -> None:
        """To be called every LOOK_EVERY seconds. on_news: gets each number of which something new
        was told, with the code; None: what was told of it is over."""
        rows, raised = await self._database.transaction(read)
        self._raised = {row.phone_number: row.per_second for row in raised}
        new = [row for row in rows if tuple(row) not in self._known]
        self._known = {tuple(row) for row in rows}
        for row in new:
            on_news(row.phone_number_id, row.code)


def read(connection: Connection) -> tuple[Rows, Rows]:
    return connection.exec_driver_sql(TOLD_LATELY), connection.exec_driver_sql(ALL_RAISED)


def log_failed_look(error: Exception) -> None:
    log.warning("number_news_wait", exc_info=error)
