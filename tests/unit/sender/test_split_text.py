"""Long texts in parts."""

from hypothesis import given
from hypothesis import strategies as st

from sender.whatsapp.split_text import LIMIT, split_text

WORDS = st.text(st.sampled_from("ab .,\n\u0301é👍🏽\u200d`"), max_size=400)


def test_a_text_that_fits_stays_whole() -> None:
    text = "palabra " * 511 + "12345678"
    assert len(text) == LIMIT
    assert split_text(text) == [text]


def test_one_character_more_makes_two_parts() -> None:
    assert [len(part) for part in split_text("a" * (LIMIT + 1))] == [LIMIT, 1]


def test_a_blank_text_has_no_parts() -> None:
    assert split_text(" \n ") == []


def test_paragraphs_come_before_sentences_and_sentences_before_words() -> None:
    assert split_text("Uno dos. Tres\n\ncuatro cinco", 20) == ["Uno dos. Tres", "cuatro cinco"]
    assert split_text("Uno dos tres. Cuatro cinco", 20) == ["Uno dos tres.", "Cuatro cinco"]
    assert split_text("Uno dos tres cuatro cinco", 20) == ["Uno dos tres cuatro", "cinco"]


def test_a_code_block_that_fits_in_a_part_is_not_torn() -> None:
    code = "```" + "x" * 10 + "```"
    assert split_text(f"Mire esto bien: {code}", 20) == ["Mire esto bien:", code]


def test_a_letter_keeps_its_accent_and_an_emoji_its_parts() -> None:
    assert split_text("a" * 9 + "e\u0301b", 10) == ["a" * 9, "e\u0301b"]
    family = "👨\u200d👩\u200d👧"
    assert split_text("a" * 7 + family, 10) == ["a" * 7, family]


@given(WORDS, st.integers(8, 60))
def test_no_part_is_empty_or_too_long_and_no_word_is_lost(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(part.strip() and len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
