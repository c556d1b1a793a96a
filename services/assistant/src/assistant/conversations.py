"""Conversation ids of contacts, with a cache that spares most messages an upsert."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from assistant.clean import storable
from common.events import MessageReceived

CACHED_CONTACTS = 100_000

# Creates conversations, or brings what changed of their contacts up to date.
UPSERT_CONVERSATIONS = """
insert into conversation (tenant_id, contact_id, phone_number_id, wa_id, contact_name)
select * from unnest(%(tenant_id)s::int[], %(contact_id)s::text[], %(phone_number_id)s::text[],
  %(wa_id)s::text[], %(contact_name)s::text[])
  as contact(tenant_id, contact_id, phone_number_id, wa_id, contact_name)
order by tenant_id, contact_id
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


class Conversations:
    """(tenant_id, contact_id) -> conversation id. One thread."""

    def __init__(self) -> None:
        self._ids: dict[ContactKey, tuple[int, ContactDetails]] = {}
        self._uncommitted: dict[ContactKey, tuple[int, ContactDetails]] = {}

    def find_or_create(
        self, connection: Connection, events: Sequence[MessageReceived]
    ) -> dict[ContactKey, int]:
        self._uncommitted = {}
        contacts = {(event.tenant_id, event.contact_id): details_of(event) for event in events}
        changed = {
            contact: details
            for contact, details in contacts.items()
            if contact not in self._ids or self._ids[contact][1] != details
        }
        if changed:
            self._upsert(connection, changed)
        return {
            contact: (self._uncommitted.get(contact) or self._ids[contact])[0]
            for contact in contacts
        }

    def remember(self) -> None:
        """After the commit: the ids of a transaction that failed must not be cached."""
        if len(self._ids) > CACHED_CONTACTS:
            self._ids.clear()
        self._ids |= self._uncommitted
        self._uncommitted = {}

    def _upsert(self, connection: Connection, contacts: dict[ContactKey, ContactDetails]) -> None:
        values = {
            "tenant_id": [tenant for tenant, _ in contacts],
            "contact_id": [contact for _, contact in contacts],
            "phone_number_id": [details.phone_number_id for details in contacts.values()],
            "wa_id": [details.wa_id for details in contacts.values()],
            "contact_name": [details.contact_name for details in contacts.values()],
        }
        for tenant, contact, id in connection.exec_driver_sql(UPSERT_CONVERSATIONS, values):
            self._uncommitted[tenant, contact] = (id, contacts[tenant, contact])


def details_of(event: MessageReceived) -> ContactDetails:
    name = event.contact_name and storable(event.contact_name)
    return ContactDetails(event.phone_number_id, event.wa_id, name)
