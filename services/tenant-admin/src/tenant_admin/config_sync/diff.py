"""What the compacted topics hold against what the database knows: the decisions. Pure."""

from collections.abc import Mapping

from common.events import ConfigEvent, Undecodable
from common.outbox_rows import EventDraft, draft
from common.topics import Topic
from tenant_admin.core.changes import ConfigRevision

ConfigRevisions = Mapping[str, ConfigRevision]
UNREADABLE = ConfigRevision(0, 0)  # equal to nothing that the database knows


def config_revisions_of(
    last: Mapping[bytes, bytes | None], event: type[ConfigEvent]
) -> dict[str, ConfigRevision]:
    """What a process that starts after compaction would read, from each key's last record."""
    named = {key_name(key): value for key, value in last.items() if value}
    return {name: config_revision_of(value, event) for name, value in named.items() if name}


def key_name(key: bytes) -> str | None:
    """None for what cannot be a key of ours: neither a service nor the outbox could hold it."""
    name = key.decode("utf-8", "ignore")
    return name if name.encode() == key and "\0" not in name else None


def config_revision_of(value: bytes, event: type[ConfigEvent]) -> ConfigRevision:
    try:
        config = event.decode(value)
    except Undecodable:
        return UNREADABLE
    return ConfigRevision(config.tenant_id, config.revision)


def differing(seen: ConfigRevisions, known: ConfigRevisions) -> list[str]:
    """The keys whose last record is not what the database says."""
    return sorted(key for key in seen.keys() | known.keys() if seen.get(key) != known.get(key))


def repair_drafts(
    topic: Topic, key: str, seen: ConfigRevision | None, current: ConfigEvent | None, trace_id: str
) -> list[EventDraft]:
    """The current event, or a tombstone for what is gone.

    The topic may also be ahead of a database that was restored from a backup: views ignore an
    older revision unless a tombstone came first.
    """
    ahead = current is not None and seen is not None and seen.revision > current.revision
    tombstone = [EventDraft(topic, key, None, trace_id)] if current is None or ahead else []
    return tombstone + ([draft(topic, key, current)] if current else [])
