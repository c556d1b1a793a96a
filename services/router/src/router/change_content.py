"""What changes an earlier message, or the contact: edits, deletions, new numbers and new BSUIDs.

Only the assistant knows what became of the message, so it decides what follows.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from common.description import described
from common.events import PreviousIds
from common.lenient_json import at, identifier_at, object_at
from router.webhook_items import Contact, MessageContent

CONTACT_CHANGES = frozenset({"user_changed_number", "user_changed_user_id"})


def edited_content(
    message: Any, read: Callable[[Any], MessageContent | None]
) -> MessageContent | None:
    """The new content, as `read` reads it of a message; None where nothing names the old one."""
    edited = identifier_at(message, "edit", "original_message_id")
    content = read(object_at(message, "edit", "message"))
    return replace(content, edits=edited) if content and edited else None


def deleted_content(message: Any) -> MessageContent | None:
    deleted = identifier_at(message, "revoke", "original_message_id")
    return (
        MessageContent("text", described("deleted message"), deletes=deleted) if deleted else None
    )


def contact_change_content(message: Any) -> MessageContent | None:
    """None for other system messages, and where WhatsApp does not tell both sides."""
    previous = previous_ids(message) if is_contact_change(message) else None
    if previous is None:
        return None
    return MessageContent("text", described("new contact address"), previous_ids=previous)


def is_contact_change(message: Any) -> bool:
    kind = at(message, "system", "type")
    return (
        isinstance(kind, str) and kind in CONTACT_CHANGES and changed_contact(message) is not None
    )


def changed_contact(message: Any) -> Contact | None:
    """As they are from now on. `from` of such a message is the old phone."""
    user_id = identifier_at(message, "system", "user_id")
    wa_id = identifier_at(message, "system", "wa_id")
    contact_id = user_id or wa_id
    return Contact(contact_id, wa_id) if contact_id else None


def previous_ids(message: Any) -> PreviousIds | None:
    """The old BSUID may stand in `from_user_id`, beside the old phone."""
    user_id = identifier_at(message, "system", "previous_user_id")
    sender, wa_id = identifier_at(message, "from_user_id"), identifier_at(message, "from")
    user_id = user_id or (sender if sender != at(message, "system", "user_id") else None)
    wa_id = wa_id if wa_id != at(message, "system", "wa_id") else None
    return PreviousIds(user_id=user_id, wa_id=wa_id) if user_id or wa_id else None
