"""Which of our numbers a webhook is for: one POST may hold several clients' updates."""

from common.lenient_json import list_at, parse_json, text_at

MOST_NUMBERS = 100
MOST_COPIED_BYTES = 60 << 20  # of one webhook in all its records; the producer's queue has 64 MiB
LONGEST_NUMBER = 64  # characters; Meta's have 15 or 16


def phone_number_ids(body: bytes) -> list[str]:
    """Distinct `metadata.phone_number_id` in order of appearance; [] when there is none, and when
    there are more than could be stored: the router then quarantines the whole.

    Never raises: what cannot be read is signed all the same and has to be kept.
    """
    webhook = parse_json(body)
    numbers = (
        text_at(change, "value", "metadata", "phone_number_id", longest=LONGEST_NUMBER + 1)
        for entry in list_at(webhook, "entry")
        for change in list_at(entry, "changes")
    )
    distinct = list(dict.fromkeys(n for n in numbers if n and len(n) <= LONGEST_NUMBER))
    most = min(MOST_NUMBERS, MOST_COPIED_BYTES // max(1, len(body)))
    return distinct if len(distinct) <= most else []
