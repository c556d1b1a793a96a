"""API keys `csj_<prefix8>_<secret43>`: only the prefix and a hash are kept.

The secret has 256 random bits, so SHA-256 is enough; slow hashes are for chosen passwords.
"""

import hmac
import re
import secrets
import string
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import Connection

from tenant_admin.core.changes import Change, ChangeContext, record_change
from tenant_admin.core.key_rights import (
    SCOPES,
    Grant,
    KeyHolder,
    refuse_larger,
    refuse_more_scopes,
    scopes_of,
)
from tenant_admin.core.own_clients import OwnClients, all_clients, is_own, own_clients
from tenant_admin.core.problems import refuse
from tenant_admin.core.schemas import NewKey
from tenant_admin.core.tables import api_key, clients

KEY_PATTERN = re.compile(r"csj_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
ALPHABET = string.ascii_lowercase + string.digits
LAST_USED_EVERY = timedelta(minutes=1)
LONGEST_LIFE = timedelta(days=731)
NO_HASH = "0" * 64
BOOTSTRAP = "bootstrap"


class Key(BaseModel):
    """A key without its secret."""

    prefix: str
    name: str
    role: str | None = Field(description="null: it has scopes of its own")
    scopes: tuple[str, ...] = Field(description="What it allows; of a role, in this version")
    clients: tuple[int, ...] | None = Field(description="null: all")
    created_at: AwareDatetime
    created_by: str
    expires: AwareDatetime | None
    last_used: AwareDatetime | None
    revoked: AwareDatetime | None

    @property
    def own_clients(self) -> OwnClients:
        return None if self.clients is None else frozenset(self.clients)

    @property
    def grant(self) -> Grant:
        return Grant(frozenset(self.scopes), self.own_clients, self.expires)


class KeyCreated(Key):
    """`key` is shown this once."""

    key: str


def bootstrap_holder(presented: str, bootstrap: Sequence[str]) -> KeyHolder | None:
    """ADMIN_API_KEY allows everything; it is there to make the first real keys."""
    same = [hmac.compare_digest(hashed(presented), hashed(key)) for key in bootstrap]
    return KeyHolder(BOOTSTRAP, None, frozenset(SCOPES)) if any(same) else None


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
    key = stored_key(row)
    return KeyHolder(key.name, prefix, frozenset(key.scopes), key.own_clients, key.expires)


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


def create(connection: Connection, context: ChangeContext, form: NewKey) -> Change[KeyCreated]:
    """Refused where it would allow more than its maker's key (403), or is called like another that
    is valid (409): the audit log knows keys by their names."""
    refuse_wrong_end(form.expires, context.now)
    row = row_of(form, context)
    refuse_larger(context.holder, stored_key(row).grant)
    refuse_unknown_clients(connection, form.clients or [])
    refuse_taken_name(connection, form.name, context.now)
    prefix, key = new_key()
    connection.execute(sa.insert(api_key).values(**row | {"prefix": prefix}, hash=hashed(key)))
    made = stored_key(row | {"prefix": prefix})
    shown = made.model_dump(mode="json")
    rows = record_change(connection, context, "key.create", f"key:{prefix}", after=shown)
    return Change(KeyCreated(**made.model_dump(), key=key), rows)


def row_of(form: NewKey, context: ChangeContext) -> dict[str, Any]:
    """Without prefix and hash. `scopes` are for replicas of before, which know no clients: none for
    a key of some clients."""
    allows = sorted(scopes_of(form.role, form.scopes or ()))
    return {
        "prefix": "",
        "name": form.name,
        "role": form.role,
        "clients": None if form.clients is None else sorted(set(form.clients)),
        "allows": allows,
        "scopes": allows if form.clients is None else [],
        "created_at": context.now,
        "created_by": context.actor,
        "expires": form.expires,
        "last_used": None,
        "revoked": None,
    }


def stored_key(row: Mapping[Any, Any]) -> Key:
    """A replica of before writes `scopes` only."""
    stored = row["scopes"] if row["allows"] is None else row["allows"]
    return Key(**{**row, "scopes": tuple(sorted(scopes_of(row["role"], stored)))})


def refuse_wrong_end(expires: datetime | None, now: datetime) -> None:
    if expires is not None and expires <= now:
        refuse(422, "expires", "is in the past", "choose a later moment, or leave it out")
    if expires is not None and expires - now > LONGEST_LIFE:
        refuse(422, "expires", "is more than two years away", "choose an earlier moment")


def refuse_unknown_clients(connection: Connection, ids: Collection[int]) -> None:
    """Those of others are unknown too."""
    given = [each for each in ids if is_own(connection, each)]
    there = connection.execute(sa.select(clients.c.id).where(clients.c.id.in_(given))).scalars()
    if unknown := sorted(set(ids) - set(there)):
        message = f"there is no client {unknown[0]}"
        refuse(422, "clients", message, "list the clients to see their ids")


def refuse_taken_name(connection: Connection, name: str, now: datetime) -> None:
    """In any case. The lock keeps out a second key that is made at the same time."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("key names"))))
    is_valid_now = (
        api_key.c.revoked.is_(None),
        sa.or_(api_key.c.expires.is_(None), api_key.c.expires > now),
    )
    same = sa.exists().where(sa.func.lower(api_key.c.name) == sa.func.lower(name), *is_valid_now)
    with all_clients(connection):
        is_taken = connection.execute(sa.select(same)).scalar()
    if is_taken or name.lower() == BOOTSTRAP:
        fix = "choose another, or revoke the key that has it"
        refuse(409, "name", f"{name} is the name of another key", fix)


def revoke(connection: Connection, context: ChangeContext, prefix: str) -> Change[Key]:
    """Idempotent; the key is refused from the next request on. Refused (403) for a key that allows
    what the caller's does not."""
    query = sa.select(api_key).where(api_key.c.prefix == prefix, *of_own_keys(connection))
    row = connection.execute(query.with_for_update()).mappings().first()
    if row is None:
        refuse(404, "prefix", "there is no such key", "list the keys to see their prefixes")
    before = stored_key(row)
    if before.revoked is not None:
        return Change(before, [])
    if context.holder is not None:
        refuse_more_scopes(context.holder, before.grant.scopes)
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


def of_own_keys(connection: Connection) -> list[sa.ColumnElement[bool]]:
    """A key of some clients knows of keys of those clients only."""
    own = own_clients(connection)
    return [] if own is None else [api_key.c.clients.contained_by(sorted(own))]


def count_key_makers(connection: Connection, now: datetime) -> int:
    """Valid keys of all clients that can make others."""
    rows = connection.execute(sa.select(api_key).where(api_key.c.revoked.is_(None))).mappings()
    keys = [stored_key(row) for row in rows]
    return sum(
        key.clients is None
        and "keys:admin" in key.scopes
        and (not key.expires or key.expires > now)
        for key in keys
    )


def record_refused_key(connection: Connection, context: ChangeContext, remote: str) -> Change[None]:
    """The audit line of a request whose key is not valid."""
    return Change(None, record_change(connection, context, "key.refused", f"remote:{remote}"))


def page(connection: Connection, after: str, limit: int) -> list[Key]:
    query = sa.select(api_key).where(api_key.c.prefix > after, *of_own_keys(connection))
    query = query.order_by(api_key.c.prefix).limit(limit)
    return [stored_key(row) for row in connection.execute(query).mappings()]
