"""What the cache spares, and which contacts are stored one after the other."""

from typing import Any

from tests.support.builders import a_message

from assistant.conversations import ContactDetails, Conversations, person_key, rounds
from common.events import MessageReceived, PreviousIds

PHONE = "34600111222"


def by_phone(**fields: Any) -> MessageReceived:
    return a_message(contact_id=PHONE, wa_id=PHONE, **fields)


def by_both(**fields: Any) -> MessageReceived:
    return a_message(contact_id="ES.1", wa_id=PHONE, **fields)


def a_contact(contact_id: str, wa_id: str | None = None, **fields: Any) -> ContactDetails:
    return ContactDetails(1, contact_id, "number", wa_id, None, **fields)


def test_a_known_contact_costs_no_statement_until_something_changes() -> None:
    known = Conversations()
    assert known.statements([by_both()])
    known.remember()
    assert known.statements([by_both()]) == []
    assert known.statements([by_both(contact_name="Ana")])


def test_what_was_not_committed_is_not_known() -> None:
    known = Conversations()
    known.statements([by_both()])
    assert known.statements([by_both()])


def test_another_address_with_the_same_phone_is_a_change() -> None:
    known = Conversations()
    for event in (by_phone(), by_both(), by_phone(), by_both()):
        assert known.statements([event]), "replies go to the newest address"
        known.remember()


def test_an_address_that_whatsapp_has_changed_is_told_once() -> None:
    known = Conversations()
    moved = by_both(previous_ids=PreviousIds(user_id="ES.0"))
    for event in (moved, by_both()):
        assert known.statements([event])
        known.remember()
    assert known.statements([by_both()]) == []


def test_both_spellings_of_a_phone_stand_together() -> None:
    keys = {person_key(a_message(contact_id=phone)) for phone in ("525512345678", "5215512345678")}
    assert len(keys) == 1


def test_contacts_that_share_an_address_are_stored_one_after_the_other() -> None:
    first, second = a_contact(PHONE, PHONE), a_contact("ES.1", PHONE)
    third = a_contact("ES.2", None, old_contact_id="ES.1")
    stranger = a_contact("ES.9", "34600999888")
    assert rounds([first, stranger, second, third]) == [[first, stranger], [second], [third]]
    assert rounds([]) == []


def test_two_clients_share_no_contact() -> None:
    mine, theirs = a_contact("ES.1"), a_contact("ES.1")._replace(tenant_id=2)
    assert rounds([mine, theirs]) == [[mine, theirs]]
