"""What an API key allows: scopes, by themselves or as the key's role, for some clients or for all.

A key gives no other key more than it has itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from tenant_admin.core.own_clients import OwnClients
from tenant_admin.core.problems import refuse

Scope = Literal[
    "clients:read",
    "clients:write",
    "assistants:read",
    "assistants:write",
    "conversations:write",
    "secrets:write",
    "numbers:write",
    "keys:admin",
    "audit:read",
]
HEADER = "Authorization"
SCOPES: tuple[Scope, ...] = get_args(Scope)
KeyRole = Literal["viewer", "agent", "editor", "administrator"]
VIEWER: frozenset[Scope] = frozenset({"clients:read", "assistants:read", "audit:read"})
CHANGES: frozenset[Scope] = frozenset({"clients:write", "assistants:write", "conversations:write"})
ROLES: Mapping[KeyRole, frozenset[Scope]] = {
    "viewer": VIEWER,
    "agent": frozenset({"clients:read", "conversations:write"}),
    "editor": VIEWER | CHANGES,
    "administrator": frozenset(SCOPES),
}


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is, and what it allows. clients: None is all. expires: None is never."""

    name: str
    prefix: str | None
    scopes: frozenset[str]
    clients: OwnClients = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key is to allow, or allows."""

    scopes: frozenset[str]
    clients: OwnClients
    expires: datetime | None


def scopes_of(role: str | None, scopes: Collection[str]) -> frozenset[str]:
    """Of a role as they are in this version; `scopes` where there is no such role."""
    return frozenset(ROLES.get(cast(KeyRole, role), scopes))


def refuse_larger(holder: KeyHolder | None, grant: Grant) -> None:
    """Refused (403) when it is more than its maker has. None: the command line, which has all."""
    if holder is None:
        return
    refuse_more_scopes(holder, grant.scopes)
    if holder.clients is not None and grant.clients is None:
        fix = "name some of its clients in `clients`"
        refuse(403, "clients", "this key is of some clients, and cannot give all", fix)
    if holder.expires and (grant.expires is None or grant.expires > holder.expires):
        end = f"{holder.expires:%Y-%m-%dT%H:%M:%SZ}"
        refuse(403, "expires", "is later than this key's own end", f"choose {end} or earlier")


def refuse_more_scopes(holder: KeyHolder, scopes: frozenset[str]) -> None:
    if more := sorted(scopes - holder.scopes):
        message = f"this key lacks {', '.join(more)} itself"
        refuse(403, "scopes", message, "use a key that has what the other is to have")


def refuse_without_scope(holder: KeyHolder | None, scope: Scope) -> None:
    if holder is not None and scope not in holder.scopes:
        refuse(403, HEADER, f"this key lacks the scope {scope}", "use a key that has it")
