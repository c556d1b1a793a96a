"""One comparison of the compacted topics with the database, and the events that repair them."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from common.events import AssistantConfig, ConfigEvent, TenantConfig
from common.outbox_refused import EventTooLarge
from common.outbox_rows import EventDraft, OutboxRow, add, payload_of
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG, Topic
from tenant_admin.config_sync.diff import ConfigRevisions, differing, repair_drafts
from tenant_admin.core import assistants, clients
from tenant_admin.core.changes import ChangeContext, ConfigRevision

log = structlog.get_logger()
MAX_KEYS = 1000  # of a topic, in one transaction
SETTLED_AFTER = timedelta(seconds=30)  # a change this recent may be published, but not read yet

# Excludes changes of clients and assistants between our read and our insert into the outbox, whose
# order is the order of publication. The tables in the order in which the use-cases lock them.
LOCK = "lock table assistant, clients in share row exclusive mode"
# Which objects changed lately, as the audit log names them.
CHANGED_OBJECTS = "select distinct object from audit_log where at > %(since)s"
# Keys whose event is still in the outbox.
KEYS_IN_OUTBOX = "select key from outbox where topic = %(topic)s"


@dataclass(frozen=True, slots=True)
class ConfigTopic:
    """A compacted topic and what the database says it should hold, by key.

    `object_of` names a key's row as the audit log does.
    """

    topic: Topic
    event: type[ConfigEvent]
    revisions: Callable[[Connection], dict[str, ConfigRevision]]
    events: Callable[[Connection, ChangeContext, Sequence[str]], Mapping[str, ConfigEvent]]
    object_of: Callable[[str, ConfigRevision], str]

    @property
    def name(self) -> str:
        return self.topic.name


CONFIG_TOPICS = (
    ConfigTopic(
        ASSISTANTS_CONFIG,
        AssistantConfig,
        assistants.config_revisions,
        assistants.config_events,
        lambda key, _: f"assistant:{key}",
    ),
    ConfigTopic(
        TENANTS_CONFIG,
        TenantConfig,
        clients.config_revisions,
        clients.config_events,
        lambda _, revision: f"client:{revision.tenant_id}",
    ),
)


def repair(
    connection: Connection, context: ChangeContext, seen: Mapping[str, ConfigRevisions]
) -> list[OutboxRow]:
    """Writes what differs from `seen`, by topic, to the outbox; nothing and no lock when equal.

    `context.now` is a moment before `seen` was read. At most MAX_KEYS keys of each topic.
    """
    if all(each.revisions(connection) == seen[each.name] for each in CONFIG_TOPICS):
        return []
    connection.exec_driver_sql(LOCK)
    since = {"since": context.now - SETTLED_AFTER}
    changed = set(connection.exec_driver_sql(CHANGED_OBJECTS, since).scalars())
    rows: list[OutboxRow] = []
    for config_topic in CONFIG_TOPICS:
        rows += repair_topic(connection, context, config_topic, seen[config_topic.name], changed)
    return rows


def repair_topic(
    connection: Connection,
    context: ChangeContext,
    config_topic: ConfigTopic,
    seen: ConfigRevisions,
    changed: Set[str],
) -> list[OutboxRow]:
    known = config_topic.revisions(connection)
    topic = {"topic": config_topic.name}
    in_outbox = set(connection.exec_driver_sql(KEYS_IN_OUTBOX, topic).scalars())
    keys = [
        key
        for key in differing(seen, known)
        if key not in in_outbox and not changed & object_names(config_topic, key, seen, known)
    ][:MAX_KEYS]
    current = config_topic.events(connection, context, keys)
    drafts = [
        draft
        for key in keys
        for draft in repair_drafts(
            config_topic.topic, key, seen.get(key), current.get(key), context.trace_id
        )
    ]
    return add(connection, [draft for draft in drafts if fits(draft)])


def fits(draft: EventDraft) -> bool:
    """Older versions took longer texts; one of these must not keep the others from repair."""
    try:
        payload_of(draft)
    except EventTooLarge as error:
        log.error("config_too_large", topic=error.topic, size=error.size, limit=error.limit)
        return False
    return True


def object_names(config_topic: ConfigTopic, key: str, *revisions: ConfigRevisions) -> set[str]:
    """The audit log's names of the rows that had or have the key."""
    return {config_topic.object_of(key, each[key]) for each in revisions if key in each}
