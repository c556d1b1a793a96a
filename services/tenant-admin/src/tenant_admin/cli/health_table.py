"""What `health` prints: a line for each client; for one client also what Meta told."""

from collections.abc import Sequence

from tenant_admin.cli.output import cell_text, print_table
from tenant_admin.cli.terminal import print_json, translated
from tenant_admin.core.account_news import NewsItem
from tenant_admin.core.client_health import ClientHealth

TITLES = ("id", "name", "active", "problems", "quality", "limit", "messages/s", "newest", "at")


def print_healths(healths: Sequence[ClientHealth], as_json: bool) -> None:
    if as_json:
        print_json(list(healths))
    else:
        print_table(TITLES, [health_row(health) for health in healths])


def print_health(health: ClientHealth, as_json: bool) -> None:
    if as_json:
        print_json(health)
        return
    print_table(TITLES, [health_row(health)])
    if health.news:
        print_table(("at", "level", "what", "of", "detail", "until"), [*map(news_row, health.news)])


def health_row(health: ClientHealth) -> list[str]:
    newest = health.news[0] if health.news else None
    return [
        str(health.client_id),
        health.name,
        cell_text(health.active),
        ", ".join(health.problems) or translated("none"),
        health.quality or "",
        health.limit or "",
        str(health.messages_per_second or ""),
        newest.what if newest else "",
        f"{newest.at:%Y-%m-%d %H:%M}" if newest else "",
    ]


def news_row(item: NewsItem) -> list[str]:
    return [
        f"{item.at:%Y-%m-%d %H:%M}",
        item.level,
        item.what,
        item.subject or "",
        item.detail or "",
        f"{item.until:%Y-%m-%d %H:%M}" if item.until else "",
    ]
