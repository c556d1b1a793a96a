"""Which of our numbers a webhook speaks of: one POST may hold several clients' updates."""

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
    found = [_number(change) for entry in _items(webhook, "entry") for change in _changes(entry)]
    return list(dict.fromkeys(number for number in found if number))


def _changes(entry: Any) -> list[Any]:
    return _items(entry, "changes")


def _number(change: Any) -> str:
    number = _inside(_inside(_inside(change, "value"), "metadata"), "phone_number_id")
    return number if isinstance(number, str) else ""


def _items(holder: Any, name: str) -> list[Any]:
    items = _inside(holder, name)
    return items if isinstance(items, list) else []


def _inside(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None
