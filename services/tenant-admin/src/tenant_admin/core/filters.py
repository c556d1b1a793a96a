"""Which clients, assistants or audit lines a list shows: those that every condition holds of."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from tenant_admin.core.tables import assistant, audit_log, clients

Conditions = list[sa.ColumnElement[bool]]


class ClientFilter(NamedTuple):
    """None is no condition. name: begins so; search: in name, phone or phone_number_id; both in any
    case."""

    active: bool | None = None
    name: str | None = None
    phone_number_id: str | None = None
    assistant_id: str | None = None
    search: str | None = None

    def conditions(self) -> Conditions:
        table = clients.c
        exact = (
            (table.active, self.active),
            (table.phone_number_id, self.phone_number_id),
            (table.assistant_id, self.assistant_id),
        )
        searched = [table.name, table.phone_number, table.phone_number_id]
        return [
            *(column == value for column, value in exact if value is not None),
            *text_conditions(table.name, self.name, searched, self.search),
        ]


class AssistantFilter(NamedTuple):
    """None is no condition. name: begins so; search: in name or id; both in any case."""

    name: str | None = None
    search: str | None = None

    def conditions(self) -> Conditions:
        searched = [assistant.c.name, assistant.c.assistant_id]
        return text_conditions(assistant.c.name, self.name, searched, self.search)


class AuditFilter(NamedTuple):
    """None is no condition. about: an object such as assistant:x; client_id: what is about it;
    since is in, until is not."""

    actor: str | None = None
    action: str | None = None
    about: str | None = None
    client_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> Conditions:
        line = audit_log.c
        client = f"client:{self.client_id}" if self.client_id is not None else None
        exact = (
            (line.actor, self.actor),
            (line.action, self.action),
            (line.object, self.about),
            (line.object, client),
        )
        times = [line.at >= self.since] if self.since else []
        if self.until:
            times.append(line.at < self.until)
        return [*(column == value for column, value in exact if value is not None), *times]


ALL_CLIENTS, ALL_ASSISTANTS, EVERY_LINE = ClientFilter(), AssistantFilter(), AuditFilter()


def text_conditions(
    name: sa.Column[str], prefix: str | None, searched: list[sa.Column[str]], text: str | None
) -> Conditions:
    conditions: Conditions = []
    if prefix is not None:
        conditions.append(name.istartswith(prefix, autoescape=True))
    if text is not None:
        # With a space between them: nothing is found across two columns.
        whole = sa.func.concat_ws(" ", *searched)
        conditions.append(whole.icontains(text, autoescape=True))
    return conditions
