"""One comparison of the compacted topics with the database, and the events that mend them."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from common.events import AssistantConfig, ConfigEvent, TenantConfig
from common.outbox import OutboxRow, add
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG, Topic
from tenant_admin import assistants, clients
from tenant_admin.change import Cause
from tenant_admin.compare import Stand, Stands, differing, mending

AT_ONCE = 1000  # keys of a topic in one transaction
RESTING = timedelta(seconds=30)  # what changed just now is on its way

# Nobody changes a client or an assistant between our reading it and our event's place in the
# outbox: that place is the order. The tables stand as the use-cases lock them.
LOCK = "lock table assistant, clients in share row exclusive mode"
CHANGED = "select distinct object from audit_log where at > %(since)s"
WAITING = "select key from outbox where topic = %(topic)s"


@dataclass(frozen=True, slots=True)
class Side:
    """A topic and where its truth is. `object_of` names a key's row as the audit log does."""

    topic: Topic
    event: type[ConfigEvent]
    stands: Callable[[Connection], dict[str, tuple[int, int]]]
    configs: Callable[[Connection, Cause, Sequence[str]], Mapping[str, ConfigEvent]]
    object_of: Callable[[str, Stand], str]

    def known(self, connection: Connection) -> dict[str, Stand]:
        return {key: Stand(*stand) for key, stand in self.stands(connection).items()}


SIDES = (
    Side(
        ASSISTANTS_CONFIG,
        AssistantConfig,
        assistants.stands,
        assistants.configs,
        lambda key, _: f"assistant:{key}",
    ),
    Side(
        TENANTS_CONFIG,
        TenantConfig,
        clients.stands,
        clients.configs,
        lambda _, stand: f"client:{stand.tenant_id}",
    ),
)


def mend(connection: Connection, cause: Cause, seen: Mapping[str, Stands]) -> list[OutboxRow]:
    """Writes what differs from `seen`, by topic, to the outbox; nothing and no lock when equal.

    `cause.now` is a moment before `seen` was read. At most AT_ONCE keys of each topic.
    """
    if all(side.known(connection) == seen[side.topic.name] for side in SIDES):
        return []
    connection.exec_driver_sql(LOCK)
    since = {"since": cause.now - RESTING}
    changed = set(connection.exec_driver_sql(CHANGED, since).scalars())
    rows: list[OutboxRow] = []
    for side in SIDES:
        rows += _mended(connection, cause, side, seen[side.topic.name], changed)
    return rows


def _mended(
    connection: Connection, cause: Cause, side: Side, seen: Stands, changed: Set[str]
) -> list[OutboxRow]:
    known = side.known(connection)
    on_its_way = set(connection.exec_driver_sql(WAITING, {"topic": side.topic.name}).scalars())
    keys = [
        key
        for key in differing(seen, known)
        if key not in on_its_way and not changed & names(side, key, seen, known)
    ][:AT_ONCE]
    current = side.configs(connection, cause, keys)
    drafts = [
        draft
        for key in keys
        for draft in mending(side.topic, key, seen.get(key), current.get(key), cause.trace_id)
    ]
    return add(connection, drafts)


def names(side: Side, key: str, *stands: Stands) -> set[str]:
    """The audit log's names of the rows that had or have the key."""
    return {side.object_of(key, stand[key]) for stand in stands if key in stand}
