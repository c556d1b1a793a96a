"""What Meta told about accounts and numbers: the newest of each kind is kept, from events.

Events may come twice and late: the time that they tell decides.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.events import AccountNews, NewsLevel
from tenant_admin.core.tables import account_news, number_account

KEY = ("waba_id", "phone_number_id", "phone_number", "what", "subject")
CONTENT = ("level", "detail", "limit", "messages_per_second", "at", "until")


class NewsItem(BaseModel):
    """One thing that Meta told, and has not told otherwise since."""

    waba_id: str
    phone_number_id: str | None = Field(description="null: of the whole account, or not known")
    what: str = Field(description="banned, restricted, violation, quality, payment, error...")
    subject: str | None = Field(description="Which of several: a template, an error's code...")
    level: NewsLevel
    detail: str | None = Field(description="In Meta's words")
    limit: str | None = Field(description="New contacts in 24 h, as Meta says it")
    messages_per_second: int | None
    at: AwareDatetime
    until: AwareDatetime | None = Field(description="From then on it is history")

    def is_problem(self, now: datetime) -> bool:
        return self.level != "info" and (self.until is None or self.until > now)


class LatestNews(BaseModel):
    """Newest first, also of accounts and numbers that no client has."""

    items: list[NewsItem]


def record_news(connection: Connection, events: Sequence[AccountNews]) -> None:
    in_order = sorted(events, key=lambda event: event.at)
    accounts = {
        event.phone_number_id: event.waba_id
        for event in in_order
        if event.what == "number" and event.phone_number_id
    }
    newest = {key_of(event): event for event in in_order if event.what != "number"}
    if accounts:
        connection.execute(upsert_accounts(accounts))
    if newest:
        connection.execute(upsert_news(newest))


def key_of(event: AccountNews) -> tuple[str, ...]:
    return tuple(getattr(event, name) or "" for name in KEY)


def upsert_news(newest: dict[tuple[str, ...], AccountNews]) -> Any:
    rows = [
        dict(zip(KEY, key, strict=True)) | {name: getattr(event, name) for name in CONTENT}
        for key, event in sorted(newest.items())
    ]
    given = insert(account_news).values(rows)
    return given.on_conflict_do_update(
        index_elements=KEY,
        set_={name: given.excluded[name] for name in CONTENT},
        where=account_news.c.at <= given.excluded["at"],
    )


def upsert_accounts(accounts: dict[str, str]) -> Any:
    rows = [
        {"phone_number_id": number, "waba_id": waba_id}
        for number, waba_id in sorted(accounts.items())
    ]
    given = insert(number_account).values(rows)
    return given.on_conflict_do_update(
        index_elements=["phone_number_id"], set_={"waba_id": given.excluded.waba_id}
    )


def latest_news(connection: Connection, limit: int) -> LatestNews:
    query = sa.select(account_news).order_by(account_news.c.at.desc()).limit(limit)
    return LatestNews(items=[news_item(row) for row in connection.execute(query)])


def news_item(row: sa.Row[Any]) -> NewsItem:
    names = ("waba_id", "what", *CONTENT)
    return NewsItem(
        phone_number_id=row.phone_number_id or None,
        subject=row.subject or None,
        **{name: getattr(row, name) for name in names},
    )
