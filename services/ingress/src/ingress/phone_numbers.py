"""Which of our numbers a webhook is for: one POST may hold several clients' updates."""

from typing import Any

import orjson


def phone_number_ids(body: bytes) -> list[str]:
    """Distinct `metadata.phone_number_id` in order of appearance; [] when there is none.

    Never raises: what cannot be read is signed all the same and has to be kept.
    """
    try:
        webhook = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    changes = [change for entry in items_in(webhook, "entry") for change in changes_of(entry)]
    numbers = map(number_of, changes)
    return list(dict.fromkeys(number for number in numbers if number))


def changes_of(entry: Any) -> list[Any]:
    return items_in(entry, "changes")


def number_of(change: Any) -> str:
    number = member_of(member_of(member_of(change, "value"), "metadata"), "phone_number_id")
    return number if isinstance(number, str) else ""


def items_in(holder: Any, name: str) -> list[Any]:
    items = member_of(holder, name)
    return items if isinstance(items, list) else []


def member_of(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None
