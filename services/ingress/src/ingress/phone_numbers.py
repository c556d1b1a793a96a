"""Which of our numbers a webhook is for: one POST may hold several clients' updates."""

from common.lenient_json import list_at, parse_json, text_at


def phone_number_ids(body: bytes) -> list[str]:
    """Distinct `metadata.phone_number_id` in order of appearance; [] when there is none.

    Never raises: what cannot be read is signed all the same and has to be kept.
    """
    webhook = parse_json(body)
    numbers = [
        text_at(change, "value", "metadata", "phone_number_id", longest=len(body))
        for entry in list_at(webhook, "entry")
        for change in list_at(entry, "changes")
    ]
    return list(dict.fromkeys(number for number in numbers if number))
