"""What is not a contact's own words, put into words: `[photo]`, `[order: 2 x A-1] for today`."""

LONGEST_TEXT = 65_536  # characters; WhatsApp's own limit for a person's text
ROUND = str.maketrans("[]", "()")  # so that no name or value of others ends a description


def described(label: str, *details: str | None) -> str:
    """`[label: detail; detail]`; details that are absent are left out."""
    given = "; ".join(detail for detail in details if detail)
    return f"[{(f'{label}: {given}' if given else label).translate(ROUND)}]"


def joined(*texts: str | None) -> str:
    """Descriptions and the contact's words after them, as one text."""
    return " ".join(text for text in texts if text)[:LONGEST_TEXT]
