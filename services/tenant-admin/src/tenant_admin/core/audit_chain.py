"""The chain of the audit log: each line's hash covers the line and the hash of the line before.

The database makes it, at the commit (migration 0009); here it is made again and compared. Who may
change the tables could make all of it anew: against that, keep a newest hash elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from tenant_admin.core.tables import audit_chain, audit_log

LINES_AT_ONCE = 1000
COLUMNS = (
    "actor",
    "key_prefix",
    "request_id",
    "action",
    "object",
    "before_hash",
    "after_hash",
    "changes_text",
)
LINES = (
    sa.select(
        audit_chain,
        *(column for column in audit_log.c if column.name != "changes"),
        sa.cast(audit_log.c.changes, sa.Text).label("changes_text"),
    )
    .join_from(audit_chain, audit_log, audit_log.c.id == audit_chain.c.line_id, isouter=True)
    .order_by(audit_chain.c.position)
    .limit(LINES_AT_ONCE)
)
UNCHAINED = (
    sa.select(sa.func.min(audit_log.c.id))
    .join_from(audit_log, audit_chain, audit_log.c.id == audit_chain.c.line_id, isouter=True)
    .where(audit_chain.c.line_id.is_(None))
)
Read = Callable[[Callable[[Connection], Any]], Any]


class ChainHash(NamedTuple):
    """The hash of the line at a place of the chain, counted from 1."""

    position: int
    hash: str


class Verified(NamedTuple):
    """How many lines are as they were written; what is wrong with the next one, if any."""

    head: ChainHash
    broken: str | None = None


def newest_hash(connection: Connection) -> ChainHash | None:
    query = sa.select(audit_chain.c.position, audit_chain.c.hash)
    row = connection.execute(query.order_by(audit_chain.c.position.desc()).limit(1)).first()
    return ChainHash(*row) if row else None


def verify(read: Read, kept: ChainHash | None = None) -> Verified:
    """`read` runs a query in a transaction of its own. kept: a hash that was kept elsewhere, which
    the chain must have."""
    verified = follow(chained_lines(read), kept)
    if verified.broken:
        return verified
    if kept and kept.position > verified.head.position:
        return Verified(verified.head, f"it ends before the hash that was kept: {kept.position}")
    unchained = read(lambda connection: connection.execute(UNCHAINED).scalar())
    if unchained is not None:
        return Verified(verified.head, f"line {unchained} is not in the chain")
    return verified


def follow(lines: Iterator[Mapping[Any, Any]], kept: ChainHash | None = None) -> Verified:
    """Up to the first line that is not as it was written."""
    head = ChainHash(0, "")
    for line in lines:
        if line["position"] != head.position + 1:
            return Verified(head, f"position {head.position + 1} is missing")
        if line["id"] is None:
            return Verified(head, f"line {line['line_id']} is gone")
        head_now = ChainHash(line["position"], hash_of(head.hash, line))
        if head_now.hash != line["hash"]:
            return Verified(head, f"line {line['line_id']} was changed, or one before it")
        if kept and kept.position == head_now.position and kept.hash != head_now.hash:
            return Verified(head, f"line {line['line_id']} has another hash than the one kept")
        head = head_now
    return Verified(head)


def hash_of(previous: str, line: Mapping[Any, Any]) -> str:
    """As the function audit_line_hash of the database."""
    at = line["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    texts = [str(line["id"]), at, *(line[name] for name in COLUMNS)]
    return sha256(previous.encode() + orjson.dumps(texts)).hexdigest()


def chained_lines(read: Read) -> Iterator[Mapping[Any, Any]]:
    """A thousand at a time."""
    position = 0
    while lines := read(partial(lines_after, position=position)):
        yield from lines
        position = lines[-1]["position"]


def lines_after(connection: Connection, position: int) -> list[Mapping[Any, Any]]:
    query = LINES.where(audit_chain.c.position > position)
    return [dict(row) for row in connection.execute(query).mappings()]
