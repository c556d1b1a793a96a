"""API keys `csj_<prefix8>_<secret43>`: only the prefix and a hash are kept.

The secret has 256 random bits, so SHA-256 is enough; slow hashes are for chosen passwords.
"""

import hmac
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, get_args

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import Connection

from tenant_admin.core.changes import Change, ChangeContext, record_change
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import api_key

Scope = Literal[
    "clients:read",
    "clients:write",
    "assistants:read",
    "assistants:write",
    "conversations:write",
    "keys:admin",
    "audit:read",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
KEY_PATTERN = re.compile(r"csj_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
ALPHABET = string.ascii_lowercase + string.digits
LAST_USED_EVERY = timedelta(minutes=1)
LONGEST_LIFE = timedelta(days=731)
NO_HASH = "0" * 64


class Key(BaseModel):
    """A key without its secret."""

    prefix: str
    name: str
    scopes: tuple[str, ...]
    created_at: AwareDatetime
    created_by: str
    expires: AwareDatetime | None
    last_used: AwareDatetime | None
    revoked: AwareDatetime | None


class KeyCreated(Key):
    """`key` is shown this once."""

    key: str


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is, and what it allows."""

    name: str
    prefix: str | None
    scopes: frozenset[str]


def bootstrap_holder(presented: str, bootstrap: str) -> KeyHolder | None:
    """ADMIN_API_KEY allows everything; it is there to make the first real keys."""
    if hmac.compare_digest(hashed(presented), hashed(bootstrap)):
        return KeyHolder("bootstrap", None, frozenset(SCOPES))
    return None


def has_form(presented: str) -> bool:
    """Whether it could be a stored key: known without asking the database."""
    return KEY_PATTERN.fullmatch(presented) is not None


def authenticate(connection: Connection, presented: str, now: datetime) -> KeyHolder | None:
    """None for an unknown, wrong, revoked or expired key; the caller learns no more than that.

    Notes when the key was last used, at most once a minute.
    """
    match = KEY_PATTERN.fullmatch(presented)
    prefix = match.group(1) if match else ""
    query = sa.select(api_key).where(api_key.c.prefix == prefix)
    row = connection.execute(query).mappings().first()
    if not is_valid(row, presented, now) or row is None:
        return None
    if row["last_used"] is None or now - row["last_used"] > LAST_USED_EVERY:
        touch = sa.update(api_key).where(api_key.c.prefix == prefix).values(last_used=now)
        connection.execute(touch)
    return KeyHolder(row["name"], prefix, frozenset(row["scopes"]))


def is_valid(row: Mapping[Any, Any] | None, presented: str, now: datetime) -> bool:
    """Compares in constant time, also when there is no such key."""
    same = hmac.compare_digest(hashed(presented), row["hash"] if row else NO_HASH)
    if row is None or row["revoked"] is not None:
        return False
    return same and (row["expires"] is None or now < row["expires"])


def hashed(key: str) -> str:
    return sha256(key.encode("utf-8", "replace")).hexdigest()


def new_key() -> tuple[str, str]:
    """A new prefix and the whole key."""
    prefix = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return prefix, f"csj_{prefix}_{secrets.token_urlsafe(32)}"


def create(
    connection: Connection,
    context: ChangeContext,
    name: str,
    scopes: tuple[Scope, ...],
    expires: datetime | None,
) -> Change[KeyCreated]:
    if expires is not None and expires <= context.now:
        refuse(422, "expires", "is in the past", "choose a later moment, or leave it out")
    if expires is not None and expires - context.now > LONGEST_LIFE:
        refuse(422, "expires", "is more than two years away", "choose an earlier moment")
    prefix, key = new_key()
    row = {
        "prefix": prefix,
        "name": name,
        "scopes": sorted(set(scopes)),
        "created_at": context.now,
        "created_by": context.actor,
        "expires": expires,
    }
    connection.execute(sa.insert(api_key).values(**row, hash=hashed(key)))
    created = KeyCreated(**row, last_used=None, revoked=None, key=key)
    shown = created.model_dump(mode="json", exclude={"key"})
    rows = record_change(connection, context, "key.create", f"key:{prefix}", after=shown)
    return Change(created, rows)


def revoke(connection: Connection, context: ChangeContext, prefix: str) -> Change[Key]:
    """Idempotent; the key is refused from the next request on."""
    query = sa.select(api_key).where(api_key.c.prefix == prefix).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        refuse(404, "prefix", "there is no such key", "list the keys to see their prefixes")
    before = Key(**row)
    if before.revoked is not None:
        return Change(before, [])
    revocation = sa.update(api_key).where(api_key.c.prefix == prefix).values(revoked=context.now)
    connection.execute(revocation)
    after = before.model_copy(update={"revoked": context.now})
    rows = record_change(
        connection,
        context,
        "key.revoke",
        f"key:{prefix}",
        before=before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )
    return Change(after, rows)


def record_refused_key(connection: Connection, context: ChangeContext, remote: str) -> Change[None]:
    """The audit line of a request whose key is not valid."""
    return Change(None, record_change(connection, context, "key.refused", f"remote:{remote}"))


def page(connection: Connection, after: str, limit: int) -> list[Key]:
    query = sa.select(api_key).where(api_key.c.prefix > after).order_by(api_key.c.prefix)
    return [Key(**row) for row in connection.execute(query.limit(limit)).mappings()]
