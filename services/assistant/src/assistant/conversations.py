"""Conversation ids of contacts, with a cache that spares most messages an upsert."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from common.events import MessageReceived
from common.lenient_json import storable
from common.postgres.rows import arrays, names, unnest

CACHED_CONTACTS = 100_000

DETAILS = {"phone_number_id": "text", "wa_id": "text", "contact_name": "text"}
CONTACT = {"tenant_id": "int", "contact_id": "text", **DETAILS}

# Creates conversations, or brings what changed of their contacts up to date.
UPSERT_CONVERSATIONS = f"""
insert into conversation ({names(CONTACT)})
select {names(CONTACT)} from {unnest(CONTACT)} order by tenant_id, contact_id
on conflict (tenant_id, contact_id) do update set
  phone_number_id = excluded.phone_number_id,
  wa_id = coalesce(excluded.wa_id, conversation.wa_id),
  contact_name = coalesce(excluded.contact_name, conversation.contact_name)
returning tenant_id, contact_id, id
"""

ContactKey = tuple[int, str]


class ContactDetails(NamedTuple):
    """What the row holds of a contact: it is written only where this changes."""

    phone_number_id: str
    wa_id: str | None
    contact_name: str | None


class CachedConversation(NamedTuple):
    id: int
    details: ContactDetails


class Conversations:
    """(tenant_id, contact_id) -> conversation id. One thread."""

    def __init__(self) -> None:
        self._cached: dict[ContactKey, CachedConversation] = {}
        self._uncommitted: dict[ContactKey, CachedConversation] = {}

    def find_or_create(
        self, connection: Connection, events: Sequence[MessageReceived]
    ) -> dict[ContactKey, int]:
        self._uncommitted = {}
        contacts = {(event.tenant_id, event.contact_id): details_of(event) for event in events}
        changed = {
            contact: details
            for contact, details in contacts.items()
            if contact not in self._cached or self._cached[contact].details != details
        }
        if changed:
            self._upsert(connection, changed)
        return {
            contact: (self._uncommitted.get(contact) or self._cached[contact]).id
            for contact in contacts
        }

    def remember(self) -> None:
        """After the commit: the ids of a transaction that failed must not be cached."""
        if len(self._cached) > CACHED_CONTACTS:
            self._cached.clear()
        self._cached |= self._uncommitted
        self._uncommitted = {}

    def forget(self) -> None:
        """A conversation that was cached may have been erased."""
        self._cached.clear()

    def _upsert(self, connection: Connection, contacts: dict[ContactKey, ContactDetails]) -> None:
        values = {
            "tenant_id": [tenant_id for tenant_id, _ in contacts],
            "contact_id": [contact_id for _, contact_id in contacts],
            **arrays(DETAILS, list(contacts.values())),
        }
        for row in connection.exec_driver_sql(UPSERT_CONVERSATIONS, values):
            contact = (row.tenant_id, row.contact_id)
            self._uncommitted[contact] = CachedConversation(row.id, contacts[contact])


def details_of(event: MessageReceived) -> ContactDetails:
    name = event.contact_name and storable(event.contact_name)
    return ContactDetails(event.phone_number_id, event.wa_id, name)
