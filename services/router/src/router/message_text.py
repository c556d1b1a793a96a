"""The text of a message: descriptions of what it carries, and the contact's words after them."""

LONGEST_TEXT = 65_536  # characters; WhatsApp's own limit for a person's text


def joined(*texts: str | None) -> str:
    """Descriptions and the contact's words after them, as one text."""
    return " ".join(text for text in texts if text)[:LONGEST_TEXT]
