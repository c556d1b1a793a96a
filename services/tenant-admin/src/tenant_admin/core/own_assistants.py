"""An assistant is of the clients that use it: what a key of some clients sees and may change."""

import sqlalchemy as sa
from sqlalchemy import Connection

from tenant_admin.core.own_clients import all_clients, own_clients
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import assistant, clients


def used_by_own(
    connection: Connection, assistant_id: sa.Column[str]
) -> list[sa.ColumnElement[bool]]:
    """A condition on the column that names an assistant; none where all are seen."""
    own = own_clients(connection)
    if own is None:
        return []
    used = sa.select(clients.c.assistant_id).where(clients.c.id.in_(sorted(own)))
    return [assistant_id.in_(used)]


def refuse_shared(connection: Connection, assistant_id: str) -> None:
    """Refused (403) where clients use it that the transaction does not see."""
    own = own_clients(connection)
    if own is None:
        return
    others = sa.exists().where(clients.c.assistant_id == assistant_id, clients.c.id.not_in(own))
    with all_clients(connection):
        is_shared = connection.execute(sa.select(others)).scalar()
    if is_shared:
        message = f"{assistant_id} answers for clients beside those of this key"
        refuse(403, "assistant_id", message, "use a key of all clients")


def refuse_unless_used(connection: Connection, assistant_id: str) -> None:
    key = assistant.c.assistant_id == assistant_id
    used = used_by_own(connection, assistant.c.assistant_id)
    if not connection.execute(sa.select(assistant.c.assistant_id).where(key, *used)).first():
        fix = "choose one of an own client, or use a key of all clients"
        refuse(422, "assistant_id", f"there is no assistant {assistant_id}", fix)
