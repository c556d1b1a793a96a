"""Phones that WhatsApp writes in two ways: a prefix or a digit more or less, and one person.

Mexico 52 and 521, Argentina 54 and 549, Brazil's mobile numbers with and without the ninth digit:
webhooks have had both (chatwoot 5840, 11053 and 14048).
"""

import re

# Longer spelling, and what makes the shorter one of it. Area code and number have 10 digits; in
# Brazil an area code of 2 and a mobile number of 8 that begins with 6 to 9.
LONGER = re.compile(r"(52)1(\d{10})|(54)9(\d{10})|(55\d\d)9([6-9]\d{7})")
SHORTER = re.compile(r"(52)(\d{10})|(54)(\d{10})|(55\d\d)([6-9]\d{7})")
ADDED_DIGIT = {"52": "1", "54": "9", "55": "9"}


def other_spelling(wa_id: str) -> str | None:
    """wa_id: digits only. None where there is only one way."""
    if longer := LONGER.fullmatch(wa_id):
        return "".join(filter(None, longer.groups()))
    if shorter := SHORTER.fullmatch(wa_id):
        prefix, number = filter(None, shorter.groups())
        return f"{prefix}{ADDED_DIGIT[prefix[:2]]}{number}"
    return None
