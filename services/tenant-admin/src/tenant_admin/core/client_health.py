"""How a client's number stands with Meta: what Meta told about the number and its account."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import ARRAY

from tenant_admin.core import clients
from tenant_admin.core.account_news import NewsItem, news_item
from tenant_admin.core.clients import Client
from tenant_admin.core.tables import number_account

T = TypeVar("T")
# A number is named by its id or by its digits; news of an account are of all its numbers. What
# is compared with '' is there for the partial indexes.
NEWS_OF_CLIENTS = """
with chosen as (
  select id as client_id, phone_number_id, ltrim(phone_number, '+') as digits
  from clients where id = any(cast(:ids as integer[])))
select client_id, news.* from chosen
  join account_news news on news.phone_number_id = chosen.phone_number_id
    and news.phone_number_id <> ''
union all
select client_id, news.* from chosen
  join account_news news on news.phone_number = chosen.digits and news.phone_number_id = ''
    and news.phone_number <> ''
union all
select client_id, news.* from chosen
  join number_account account on account.phone_number_id = chosen.phone_number_id
  join account_news news on news.waba_id = account.waba_id
    and news.phone_number_id = '' and news.phone_number = ''
order by at desc
"""


class ClientHealth(BaseModel):
    """What Meta told and what it means now. Absent: Meta has told nothing."""

    client_id: int
    name: str
    active: bool
    waba_id: str | None = Field(description="null: no webhook of the number has come yet")
    problems: list[str] = Field(description="What is wrong now: banned, quality, payment...")
    quality: str | None = Field(description="Meta's last word, such as FLAGGED")
    limit: str | None = Field(description="New contacts in 24 h, as Meta says it")
    messages_per_second: int | None = Field(description="Where Meta has raised it")
    news: list[NewsItem] = Field(description="Newest first")


def health(connection: Connection, client_id: int) -> ClientHealth:
    """Refused (404) for an unknown client."""
    return health_of(connection, [clients.get(connection, client_id)])[0]


def health_of(connection: Connection, listed: Sequence[Client]) -> list[ClientHealth]:
    news = news_of_clients(connection, [client.id for client in listed])
    accounts = accounts_of(connection, [client.phone_number_id for client in listed])
    now = datetime.now(UTC)
    return [
        client_health(client, accounts.get(client.phone_number_id), news[client.id], now)
        for client in listed
    ]


def news_of_clients(connection: Connection, ids: list[int]) -> dict[int, list[NewsItem]]:
    found: dict[int, list[NewsItem]] = defaultdict(list)
    for row in connection.execute(sa.text(NEWS_OF_CLIENTS), {"ids": ids}):
        found[row.client_id].append(news_item(row))
    return found


def accounts_of(connection: Connection, numbers: list[str]) -> dict[str, str]:
    is_asked = number_account.c.phone_number_id == sa.any_(sa.cast(numbers, ARRAY(sa.Text)))
    query = sa.select(number_account).where(is_asked)
    return {row.phone_number_id: row.waba_id for row in connection.execute(query)}


def client_health(
    client: Client, waba_id: str | None, news: list[NewsItem], now: datetime
) -> ClientHealth:
    """news: newest first."""
    problems = [item.what for item in news if item.is_problem(now)]
    return ClientHealth(
        client_id=client.id,
        name=client.name,
        active=client.active,
        waba_id=waba_id,
        problems=list(dict.fromkeys(problems)),
        quality=newest(news, lambda item: item.detail if item.what == "quality" else None),
        limit=newest(news, lambda item: item.limit),
        messages_per_second=newest(news, lambda item: item.messages_per_second),
        news=news,
    )


def newest(news: list[NewsItem], value_of: Callable[[NewsItem], T | None]) -> T | None:
    return next((value for value in map(value_of, news) if value is not None), None)
