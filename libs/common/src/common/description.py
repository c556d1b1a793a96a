"""What is not a contact's own words, put into words: `[photo]`, `[order: 2 x A-1] for today`.

The router describes, the assistant reads: descriptions stand before the contact's words.
"""

import re

PHOTO = "photo"
ROUND = str.maketrans("[]", "()")  # so that no name or value of others ends a description
DESCRIPTIONS = re.compile(r"\A(?:\[[^\]]*\]\s*)+")


def described(label: str, *details: str | None) -> str:
    """`[label: detail; detail]`; details that are absent are left out."""
    given = "; ".join(detail for detail in details if detail)
    return f"[{(f'{label}: {given}' if given else label).translate(ROUND)}]"


def document_label(name: str | None) -> str:
    return f'document "{name}"' if name else "document"


def without_descriptions(text: str) -> str:
    """The contact's own words."""
    return DESCRIPTIONS.sub("", text)


def with_description(text: str, description: str) -> str:
    """After the descriptions that the text has, before the contact's own words."""
    own = without_descriptions(text)
    before = text.removesuffix(own).rstrip()
    return " ".join(part for part in (before, description, own) if part)
