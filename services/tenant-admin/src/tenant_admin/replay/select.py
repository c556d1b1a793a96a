"""Which records are meant: by client, conversation, wamid or time. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from common.kafka.record import Record
from common.lenient_json import integer_at

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"([0-9]{1,9})([smhd])")
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """Every given condition must hold. Times bound the record's timestamp.

    phone_number_id and tenant_id both name a client: raw webhooks know only the first.
    """

    phone_number_id: str | None = None
    tenant_id: int | None = None
    conversation: str | None = None
    wamid: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def matches(record: Record, selection: Selection) -> bool:
    return (
        (selection.phone_number_id is None or of_number(record, selection.phone_number_id))
        and (selection.tenant_id is None or of_tenant(record, selection.tenant_id))
        and (selection.conversation is None or of_conversation(record, selection.conversation))
        and (selection.wamid is None or json_string(selection.wamid) in (record.value or b""))
        and in_time(record, selection)
    )


def of_number(record: Record, phone_number_id: str) -> bool:
    """Keys are the number itself or `number:contact`."""
    key = record.key_text
    return key == phone_number_id or key.startswith(f"{phone_number_id}:")


def of_tenant(record: Record, tenant_id: int) -> bool:
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return False
    return integer_at(event, "tenant_id") == tenant_id


def of_conversation(record: Record, conversation: str) -> bool:
    """`number:contact` as a key; in a raw webhook, the number's record that names the contact."""
    number, _, contact = conversation.partition(":")
    if record.key_text == conversation:
        return True
    return (record.key or b"") == number.encode() and json_string(contact) in (record.value or b"")


def json_string(text: str) -> bytes:
    """As a whole JSON string, so that one id is not found inside another."""
    return orjson.dumps(text)


def in_time(record: Record, selection: Selection) -> bool:
    at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    after = selection.since is None or at >= selection.since
    return after and (selection.until is None or at <= selection.until)


def moment(text: str, now: datetime) -> datetime:
    """`15m` (ago; s, m, h or d) or an ISO time; without an offset it is UTC. Raises ValueError for
    anything else, and for a time that no record can have."""
    try:
        if ago := AGO.fullmatch(text.strip()):
            at = now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        else:
            at = datetime.fromisoformat(text.strip())
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if at < FIRST:
            raise ValueError(text)
    except OverflowError as error:
        raise ValueError(text) from error
    return at
