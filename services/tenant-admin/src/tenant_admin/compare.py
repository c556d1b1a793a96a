"""What the compacted topics hold against what the database knows: the decisions. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from common.events import ConfigEvent, Undecodable
from common.outbox import EventDraft, draft
from common.topics import Topic


class Stand(NamedTuple):
    """Whose configuration a key holds, and which change of it."""

    tenant_id: int
    revision: int


Stands = Mapping[str, Stand]
UNREADABLE = Stand(0, 0)  # equal to nothing that the database knows


def stands_of(last: Mapping[bytes, bytes | None], event: type[ConfigEvent]) -> dict[str, Stand]:
    """What a process that starts after compaction would read, from each key's last record."""
    named = {name_of(key): value for key, value in last.items() if value}
    return {name: stand_of(value, event) for name, value in named.items() if name}


def name_of(key: bytes) -> str | None:
    """None for what can be no key of ours: neither a service nor the outbox could hold it."""
    name = key.decode("utf-8", "ignore")
    return name if name.encode() == key and "\0" not in name else None


def stand_of(value: bytes, event: type[ConfigEvent]) -> Stand:
    try:
        row = event.decode(value)
    except Undecodable:
        return UNREADABLE
    return Stand(row.tenant_id, row.revision)


def differing(seen: Stands, known: Stands) -> list[str]:
    """The keys whose last record is not what the database says."""
    return sorted(key for key in seen.keys() | known.keys() if seen.get(key) != known.get(key))


def mending(
    topic: Topic, key: str, seen: Stand | None, current: ConfigEvent | None, trace_id: str
) -> list[EventDraft]:
    """The current event, or a tombstone for what is gone.

    The topic may also be ahead, of a database put back from a backup: views pass over an older
    revision unless a tombstone came first.
    """
    ahead = current is not None and seen is not None and seen.revision > current.revision
    gone = [EventDraft(topic, key, None, trace_id)] if current is None or ahead else []
    return gone + ([draft(topic, key, current)] if current else [])
