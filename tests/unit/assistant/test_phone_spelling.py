"""Phones that WhatsApp writes in two ways."""

import pytest

from assistant.phone_spelling import other_spelling

PAIRS = [
    ("5215512345678", "525512345678"),  # Mexico
    ("5491112345678", "541112345678"),  # Argentina
    ("5511987654321", "551187654321"),  # Brazil, a mobile
    ("5585999998888", "558599998888"),
]


@pytest.mark.parametrize(("longer", "shorter"), PAIRS)
def test_each_spelling_leads_to_the_other(longer: str, shorter: str) -> None:
    assert other_spelling(longer) == shorter
    assert other_spelling(shorter) == longer


@pytest.mark.parametrize(
    "phone",
    [
        "34600111222",  # Spain
        "551132345678",  # Brazil, a landline: no ninth digit
        "5511932345678",  # without its 9 it would be that landline
        "52551234567",  # too short
        "52155123456789",  # too long
        "15215512345678",
        "5215512345 78",
        "ES.5215512345678",
        "",
    ],
)
def test_other_phones_have_one(phone: str) -> None:
    assert other_spelling(phone) is None
