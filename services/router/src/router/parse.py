"""A webhook's bytes as typed items: those of one number, and those of accounts.

Shapes: developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference.
Pure and tolerant: any JSON gives a list, and none of its items is another number's. Every entry,
change, message, status and error is read.
"""

import re
from collections.abc import Iterator
from typing import Any, get_args

from common.description import described
from common.events.messages import StatusName
from common.lenient_json import (
    at,
    identifier_at,
    integer_at,
    is_shallow,
    list_at,
    parse_json,
    text_at,
    timestamp_at,
)
from router.account_fields import READERS, account_changes, error_of_number
from router.change_content import changed_contact, is_contact_change
from router.content import extract_content
from router.webhook_items import Contact, Echo, Ignored, Malformed, Message, Status, WebhookItem

STATUSES = frozenset(get_args(StatusName))
CONVERSATION_FIELDS = frozenset({"messages", "standby", "smb_message_echoes"})
SILENT_ECHOES = frozenset({"revoke", "edit", "reaction", "system", "unknown"})  # no new words
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def parse_body(body: bytes) -> Any:
    """The JSON of a body, or None when it is not JSON or is nested deeper than 32."""
    parsed = parse_json(body)
    return parsed if is_shallow(body, parsed) else None


def items_of(webhook: Any, phone_number_id: str) -> list[WebhookItem]:
    return [
        item
        for entry, change in changes_of(webhook)
        if number_of(change) == phone_number_id
        for item in items_of_change(change, entry, phone_number_id)
    ]


def account_items(webhook: Any) -> list[WebhookItem]:
    """Of the changes that name no number by its id; Malformed for a field that is not known."""
    return [
        item
        for entry, change in changes_of(webhook)
        if number_of(change) is None
        for item in [*account_changes(change, entry)] or [Malformed("account")]
    ]


def first_number(webhook: Any) -> str | None:
    """The first phone_number_id: of several records of one body, whose number it is stands for
    what names no number."""
    return next(filter(None, (number_of(change) for _, change in changes_of(webhook))), None)


def changes_of(webhook: Any) -> Iterator[tuple[Any, Any]]:
    """Each change, after the entry that it stands in."""
    for entry in list_at(webhook, "entry"):
        for change in list_at(entry, "changes"):
            yield entry, change


def number_of(change: Any) -> str | None:
    number = at(change, "value", "metadata", "phone_number_id")
    return number if isinstance(number, str) and number else None


def account_of(webhook: Any, phone_number_id: str) -> str | None:
    """The id of the account whose entry names this number."""
    entries = (entry for entry, each in changes_of(webhook) if number_of(each) == phone_number_id)
    return identifier_at(next(entries, None), "id")


def items_of_change(change: Any, entry: Any, phone_number_id: str) -> Iterator[WebhookItem]:
    field, value = plain_name(at(change, "field")), at(change, "value")
    if field in READERS:
        yield from account_changes(change, entry)
        return
    if field not in CONVERSATION_FIELDS:
        yield Ignored(field)
        return
    for message in list_at(value, "messages"):
        yield message_item(message, value, "standby" if field == "standby" else None)
    for echo in list_at(value, "message_echoes"):
        yield echo_item(echo, is_persons=field == "smb_message_echoes")
    for status in list_at(value, "statuses"):
        yield status_item(status, value)
    for error in list_at(value, "errors"):
        if list_at(value, "messages"):  # then it is about that message
            yield Ignored("error", code=integer_at(error, "code"))
        else:
            yield error_of_number(error, field, entry, phone_number_id)


def message_item(message: Any, value: Any, never_answered: str | None) -> WebhookItem:
    wamid, kind = identifier_at(message, "id"), message_kind(message)
    contact = contact_of(message, value)
    if wamid is None or contact is None:
        return Malformed("message")
    if at(message, "group_id"):  # an answer would go to one person, not to the group
        never_answered = never_answered or "group"
    content = None if never_answered else extract_content(message)
    return Message(
        wamid,
        never_answered or kind,
        contact,
        content,
        reply_to=identifier_at(message, "context", "id"),
        sent_at=timestamp_at(message, "timestamp"),
    )


def message_kind(message: Any) -> str:
    """Of interactive messages the inner type: button_reply, list_reply, nfm_reply..."""
    kind = plain_name(at(message, "type"))
    inner = at(message, "interactive", "type") if kind == "interactive" else None
    return plain_name(inner) if inner else kind


def contact_of(message: Any, value: Any) -> Contact | None:
    """Since 2026 the phone may be absent, and a system message has no `contacts`."""
    if is_contact_change(message):
        return changed_contact(message)
    wa_id, user_id = identifier_at(message, "from"), identifier_at(message, "from_user_id")
    entry = contact_entry(value, wa_id, user_id)
    user_id = (
        user_id or identifier_at(entry, "user_id") or identifier_at(message, "system", "user_id")
    )
    wa_id = wa_id or identifier_at(entry, "wa_id")
    if user_id is None and wa_id is None:
        return None
    return Contact(user_id or wa_id or "", wa_id, text_at(entry, "profile", "name"))


def contact_entry(value: Any, wa_id: str | None, user_id: str | None) -> Any:
    for entry in list_at(value, "contacts"):
        if (user_id and at(entry, "user_id") == user_id) or (wa_id and at(entry, "wa_id") == wa_id):
            return entry
    return None


def echo_item(echo: Any, *, is_persons: bool) -> WebhookItem:
    """What the business wrote elsewhere; the contact is the receiver. is_persons: in its own app,
    and not by an agent of Meta's."""
    wamid, wa_id = identifier_at(echo, "id"), identifier_at(echo, "to")
    contact_id = identifier_at(echo, "to_user_id") or wa_id
    if wamid is None or contact_id is None:
        return Malformed("echo")
    contact, sent_at = Contact(contact_id, wa_id), timestamp_at(echo, "timestamp")
    text = echo_text(echo) if is_persons else None
    if text is None:
        return Message(wamid, "echo", contact, sent_at=sent_at)
    return Echo(wamid, contact, text, sent_at)


def echo_text(echo: Any) -> str | None:
    """None where the person has written nothing to this contact."""
    kind = message_kind(echo)
    if kind in SILENT_ECHOES or at(echo, "group_id"):
        return None
    content = extract_content(echo)
    return content.text if content else described(kind)


def status_item(status: Any, value: Any) -> WebhookItem:
    """A failed status has no contacts; a group's has neither."""
    wamid, name = identifier_at(status, "id"), at(status, "status")
    if wamid is None:
        return Malformed("status")
    if not isinstance(name, str) or name not in STATUSES:
        return Ignored("unknown_status")
    error = next(iter(list_at(status, "errors")), None)
    return Status(
        wamid,
        name,  # type: ignore[arg-type]
        contact_id=recipient_of(status, value),
        status_at=timestamp_at(status, "timestamp"),
        tag=text_at(status, "biz_opaque_callback_data"),
        error_code=integer_at(error, "code"),
        error_title=text_at(error, "title"),
        pricing_type=text_at(status, "pricing", "type"),
        pricing_category=text_at(status, "pricing", "category"),
    )


def recipient_of(status: Any, value: Any) -> str:
    first = next(iter(list_at(value, "contacts")), None)
    return (
        identifier_at(status, "recipient_user_id")
        or identifier_at(first, "user_id")
        or identifier_at(status, "recipient_id")
        or identifier_at(first, "wa_id")
        or "unknown"
    )


def plain_name(name: Any) -> str:
    """A value of Meta's open enums as a reason or a log field; `unknown` for anything unusual."""
    return name if isinstance(name, str) and PLAIN_NAME.fullmatch(name) else "unknown"
