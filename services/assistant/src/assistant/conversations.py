"""Which conversation a contact has, whatever address they write from; with a cache that spares
most messages the search.

A conversation has one row for life. Each BSUID and phone of its contact is an alias of it, which is
never given to another conversation. `contact_id` is the first of them; `address` and `wa_id` are
those of the newest message: replies go there. (To change a column of a unique key would wait for
every insert of a message, which locks its conversation's key.)
"""

from collections.abc import Sequence
from typing import NamedTuple

from assistant.phone_spelling import other_spelling
from common.events import MessageReceived, PreviousIds
from common.lenient_json import storable
from common.postgres.connection import Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest

CACHED_CONTACTS = 100_000
LOCKS = 1024  # one transaction may lock many contacts, and a server has room for some thousand

DETAILS = {
    "tenant_id": "int",
    "contact_id": "text",
    "phone_number_id": "text",
    "wa_id": "text",
    "contact_name": "text",
}
CONTACT = DETAILS | {"other_wa_id": "text", "old_contact_id": "text", "old_wa_id": "text"}

# Of contacts that are new here: nobody else may make a conversation of the same address meanwhile,
# which a message with the phone alone and one with the BSUID too would do in two consumers.
LOCK_NEW_CONTACTS = Prepared(f"""
select pg_advisory_xact_lock(place) from (
  select distinct abs(hashtext(tenant_id || ':' || address) % {LOCKS}) as place
  from {unnest(CONTACT)}
  cross join lateral unnest(array[contact_id, least(wa_id, other_wa_id), old_contact_id]) address
  where address is not null and not exists (
    select from contact_alias known
    where known.tenant_id = given.tenant_id and known.alias = given.contact_id)
  order by place) places
""")
# Finds each contact's conversation or creates one, brings it up to date, and adds the aliases. The
# first address that is known decides: what the contact had before a change, the BSUID, the phone,
# the phone's other spelling. Where both the message and the conversation have a BSUID, another
# spelling does not count, and the phone only while it is the conversation's: it may have gone to
# somebody else. A conversation without aliases is an older replica's.
FIND_CONVERSATIONS = Prepared(f"""
with given as (select * from {unnest(CONTACT)}),
known as materialized (
  select given.*, found.id as conversation_id
  from given left join lateral (
    select conversation.id from (
      select place, addresses.alias, contact_alias.conversation_id
      from (values (1, given.old_contact_id), (2, given.old_wa_id), (3, given.contact_id),
        (4, given.wa_id), (5, given.other_wa_id)) addresses(place, alias)
      join contact_alias
        on contact_alias.tenant_id = given.tenant_id and contact_alias.alias = addresses.alias
      union all
      select 3, contact_id, id from conversation
      where conversation.tenant_id = given.tenant_id
        and conversation.contact_id = given.contact_id) candidate
    join conversation on conversation.id = candidate.conversation_id
    where place in (1, 3) or given.contact_id = given.wa_id
      or (place <> 5 and conversation.wa_id = candidate.alias)
      or not exists (select from contact_alias own
        where own.conversation_id = conversation.id and own.alias ~ '[^0-9]')
    order by place limit 1) found on true),
created as (
  insert into conversation ({names(DETAILS)})
  select {names(DETAILS)} from known where conversation_id is null order by tenant_id, contact_id
  on conflict (tenant_id, contact_id) do update set phone_number_id = excluded.phone_number_id
  returning id, tenant_id, contact_id),
changed as (
  update conversation set address = known.contact_id, phone_number_id = known.phone_number_id,
    wa_id = case when known.old_wa_id is null then coalesce(known.wa_id, conversation.wa_id)
      else known.wa_id end,
    contact_name = coalesce(known.contact_name, conversation.contact_name)
  from known
  where conversation.id = any(array(select conversation_id from known))
    and conversation.id = known.conversation_id and (
      coalesce(address, conversation.contact_id) <> known.contact_id
      or conversation.phone_number_id <> known.phone_number_id or known.old_wa_id is not null
      or known.wa_id <> coalesce(conversation.wa_id, '')
      or known.contact_name <> coalesce(conversation.contact_name, '')))
insert into contact_alias (tenant_id, alias, conversation_id)
select known.tenant_id, alias, coalesce(known.conversation_id, created.id)
from known left join created using (tenant_id, contact_id)
cross join lateral unnest(array[contact_id, wa_id]) alias
where alias is not null order by 1, 2
on conflict do nothing
""")
# Whether the newest phone of a row's conversation belongs to another one.
HAS_ALIAS_CONFLICT = """exists (select from contact_alias taken
  where taken.tenant_id = conversation.tenant_id and taken.alias = conversation.wa_id
    and taken.conversation_id <> conversation.id)"""


def conversation_of(tenant_id: str, contact_id: str) -> str:
    """SQL: the id of the conversation that has this address, null without one. The arguments are
    expressions: a client's id, and a BSUID or a phone."""
    return f"""(select contact_alias.conversation_id from contact_alias
    where contact_alias.tenant_id = {tenant_id} and contact_alias.alias = {contact_id})"""


class ContactDetails(NamedTuple):
    """What a message says of its contact: rows are written only where this changes.

    wa_id: also of a contact who is known by phone alone. old_contact_id, old_wa_id: the address
    until now, where WhatsApp tells of a change.
    """

    tenant_id: int
    contact_id: str
    phone_number_id: str
    wa_id: str | None
    contact_name: str | None
    old_contact_id: str | None = None
    old_wa_id: str | None = None

    @property
    def other_wa_id(self) -> str | None:
        return other_spelling(self.wa_id) if self.wa_id else None

    @property
    def addresses(self) -> set[str]:
        """All that may lead to a conversation."""
        given = (self.contact_id, self.wa_id, self.other_wa_id, self.old_contact_id, self.old_wa_id)
        return {address for address in given if address}


def find_statements(contacts: Sequence[ContactDetails]) -> list[Statement]:
    """contacts: no two share an address."""
    values = arrays(CONTACT, contacts)
    return [(statement, values) for statement in (LOCK_NEW_CONTACTS, FIND_CONVERSATIONS)]


PersonKey = tuple[int, str]


class Conversations:
    """The contacts whose conversation exists with these details. One thread."""

    def __init__(self) -> None:
        self._cached: dict[PersonKey, ContactDetails] = {}
        self._uncommitted: dict[PersonKey, ContactDetails] = {}

    def statements(self, events: Sequence[MessageReceived]) -> list[Statement]:
        """What creates or changes conversations; none where all are as they were."""
        self._uncommitted = {}
        changed: list[ContactDetails] = []
        for event in events:
            key, details = person_key(event), details_of(event)
            if self._uncommitted.get(key, self._cached.get(key)) != details:
                self._uncommitted[key] = details
                changed.append(details)
        return [statement for each in rounds(changed) for statement in find_statements(each)]

    @property
    def has_changes(self) -> bool:
        """Whether the last statements were any."""
        return bool(self._uncommitted)

    def remember(self) -> None:
        """After the commit: what a transaction that failed would have written is not there."""
        if len(self._cached) > CACHED_CONTACTS:
            self._cached.clear()
        self._cached |= self._uncommitted
        self._uncommitted = {}

    def forget(self) -> None:
        """A conversation that was cached may have been erased."""
        self._cached.clear()


def person_key(event: MessageReceived) -> PersonKey:
    """The same for all addresses with one phone: the newest of them is the one to answer to."""
    phone = event.wa_id or event.contact_id
    return event.tenant_id, min(phone, other_spelling(phone) or phone)


def details_of(event: MessageReceived) -> ContactDetails:
    name = event.contact_name and storable(event.contact_name)
    by_phone = event.contact_id if event.contact_id.isdigit() else None
    previous = event.previous_ids or PreviousIds()
    return ContactDetails(
        event.tenant_id,
        event.contact_id,
        event.phone_number_id,
        event.wa_id or by_phone,
        name,
        previous.user_id,
        previous.wa_id,
    )


def rounds(contacts: Sequence[ContactDetails]) -> list[list[ContactDetails]]:
    """In order, so that no two of a round share an address: each round finds what the one before
    has stored."""
    split: list[list[ContactDetails]] = []
    last_round: dict[tuple[int, str], int] = {}
    for contact in contacts:
        keys = [(contact.tenant_id, address) for address in contact.addresses]
        place = max((last_round.get(key, -1) for key in keys), default=-1) + 1
        if place == len(split):
            split.append([])
        split[place].append(contact)
        last_round.update(dict.fromkeys(keys, place))
    return split
