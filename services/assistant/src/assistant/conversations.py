"""The conversations of contacts, with a cache that spares most messages an upsert."""

from collections.abc import Sequence
from typing import NamedTuple

from common.events import MessageReceived
from common.lenient_json import storable
from common.postgres.connection import Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest

CACHED_CONTACTS = 100_000

DETAILS = {"phone_number_id": "text", "wa_id": "text", "contact_name": "text"}
CONTACT = {"tenant_id": "int", "contact_id": "text", **DETAILS}

# Creates conversations, or brings what changed of their contacts up to date.
UPSERT_CONVERSATIONS = Prepared(f"""
insert into conversation ({names(CONTACT)})
select {names(CONTACT)} from {unnest(CONTACT)} order by tenant_id, contact_id
on conflict (tenant_id, contact_id) do update set
  phone_number_id = excluded.phone_number_id,
  wa_id = coalesce(excluded.wa_id, conversation.wa_id),
  contact_name = coalesce(excluded.contact_name, conversation.contact_name)
""")

ContactKey = tuple[int, str]


class ContactDetails(NamedTuple):
    """What the row holds of a contact: it is written only where this changes."""

    phone_number_id: str
    wa_id: str | None
    contact_name: str | None


class Conversations:
    """The contacts whose conversation exists with these details. One thread."""

    def __init__(self) -> None:
        self._cached: dict[ContactKey, ContactDetails] = {}
        self._uncommitted: dict[ContactKey, ContactDetails] = {}

    def statements(self, events: Sequence[MessageReceived]) -> list[Statement]:
        """What creates or changes conversations; none where all are as they were."""
        contacts = {(event.tenant_id, event.contact_id): details_of(event) for event in events}
        self._uncommitted = {
            contact: details
            for contact, details in contacts.items()
            if self._cached.get(contact) != details
        }
        if not self._uncommitted:
            return []
        values = {
            "tenant_id": [tenant_id for tenant_id, _ in self._uncommitted],
            "contact_id": [contact_id for _, contact_id in self._uncommitted],
            **arrays(DETAILS, list(self._uncommitted.values())),
        }
        return [(UPSERT_CONVERSATIONS, values)]

    def remember(self) -> None:
        """After the commit: what a transaction that failed would have written is not there."""
        if len(self._cached) > CACHED_CONTACTS:
            self._cached.clear()
        self._cached |= self._uncommitted
        self._uncommitted = {}

    def forget(self) -> None:
        """A conversation that was cached may have been erased."""
        self._cached.clear()


def details_of(event: MessageReceived) -> ContactDetails:
    name = event.contact_name and storable(event.contact_name)
    return ContactDetails(event.phone_number_id, event.wa_id, name)
