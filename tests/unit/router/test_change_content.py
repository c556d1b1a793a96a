"""Edits, deletions and new addresses, as far as the router knows."""

from typing import Any

import pytest

from common.events import MediaFile, PreviousIds
from router.change_content import changed_contact, previous_ids
from router.content import extract_content
from router.webhook_items import Contact, MessageContent


def edit(message: Any, original: Any = "wamid.0") -> dict[str, Any]:
    return {"type": "edit", "edit": {"original_message_id": original, "message": message}}


def text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def test_the_new_content_is_read_like_a_message() -> None:
    content = extract_content(edit(text("el martes")))
    assert content
    assert (content.text, content.edits) == ("el martes", "wamid.0")
    photo = {"type": "image", "image": {"id": "1", "caption": "¿y este?"}}
    content = extract_content(edit(photo))
    assert content == MessageContent(
        "text", "[photo] ¿y este?", media=MediaFile(id="1"), caption="¿y este?", edits="wamid.0"
    )


@pytest.mark.parametrize(
    "message",
    [
        edit(text(" ")),
        edit(text("hola"), original=None),
        edit(edit(text("hola"))),
        edit({"type": "revoke", "revoke": {"original_message_id": "wamid.1"}}),
        edit({"type": "sticker", "sticker": {"id": "1"}}),
        edit("text"),
        {"type": "edit", "edit": []},
        {"type": "revoke", "revoke": {"original_message_id": 7}},
        {"type": "system", "system": {"type": "customer_identity_changed", "user_id": "ES.1"}},
        {"type": "system", "system": {"type": ["user_changed_number"]}},
        {"type": "system", "system": {"type": "user_changed_number"}, "from": "34600"},
        {"type": "system", "system": {"type": "user_changed_user_id", "user_id": "ES.1"}},
    ],
)
def test_what_names_nothing_is_no_change(message: Any) -> None:
    assert extract_content(message) is None


@pytest.mark.parametrize(
    ("fields", "contact", "previous"),
    [
        ({"wa_id": "2"}, Contact("2", "2"), PreviousIds(wa_id="1")),
        (
            {"wa_id": "2", "user_id": "ES.2", "previous_user_id": "ES.1"},
            Contact("ES.2", "2"),
            PreviousIds(user_id="ES.1", wa_id="1"),
        ),
        (
            {"wa_id": "2", "user_id": "ES.2", "from_user_id": "ES.1"},
            Contact("ES.2", "2"),
            PreviousIds(user_id="ES.1", wa_id="1"),
        ),
        (
            {"wa_id": "1", "user_id": "ES.2", "from_user_id": "ES.2", "previous_user_id": "ES.1"},
            Contact("ES.2", "1"),
            PreviousIds(user_id="ES.1"),
        ),
    ],
)
def test_the_old_and_the_new_address_are_told_apart(
    fields: dict[str, str], contact: Contact, previous: PreviousIds
) -> None:
    sender = {"from_user_id": fields.pop("from_user_id")} if "from_user_id" in fields else {}
    system = {"type": "user_changed_number", **fields}
    message = {"type": "system", "from": "1", "system": system, **sender}
    assert (changed_contact(message), previous_ids(message)) == (contact, previous)
