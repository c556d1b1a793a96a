"""What leaves the model is what a contact may read, and ends whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.openai.clean import clean, whole_part
from common.visible_text import visible


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("<think>\nEl cliente es pesado.\n</think>\n\nAbrimos a las 9.", "Abrimos a las 9."),
        ("<Reasoning effort='low'>x</REASONING>Sí", "Sí"),
        ("<think>a</think>Sí<think>b</think>, claro", "Sí, claro"),
        ("Sí.<think>y ahora", "Sí."),
        ("<think>sin fin", ""),
        ("sin principio</think>Sí", "Sí"),
        ("3 < 4, <b>sí</b>, <thinkpad>", "3 < 4, <b>sí</b>, <thinkpad>"),
        ("Abrimos a las 9 【4:0†source】.", "Abrimos a las 9."),
        ("【営業時間】 9時", "【営業時間】 9時"),
        ("Sí\ue200cite\ue202turn0search1\ue201.", "Sí."),
        ("Sí \ue200cite\ue202turn0\nNo\ue206", "Sí\nNo"),
        ("a\x07b\x9fc\td", "abc\td"),
        ("uno\r\ndos\rtres\u2028cuatro", "uno\ndos\ntres\ncuatro"),
        ("👨‍👩‍👧 ok ❤️", "👨‍👩‍👧 ok ❤️"),
        ("\ud83d", "?"),
    ],
)
def test_reasoning_sources_and_controls_are_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "is_visible"),
    [
        ("a", True),
        ("👍", True),
        ("…", True),
        ("日本", True),
        ("", False),
        (" \n\t\u00a0", False),
        ("\u200b\u200e\u2060\ufeff", False),
        ("\u3164\u2800\ufe0f\u00ad", False),
    ],
)
def test_an_answer_that_nobody_can_see_is_none(text: str, is_visible: bool) -> None:
    assert visible(text) is is_visible


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("Abrimos a las 9. Cerramos a las", "Abrimos a las 9."),
        ("¿Quiere mesa? ¡Hay sitio! Tene", "¿Quiere mesa? ¡Hay sitio!"),
        ("Dice «sí.» Y lue", "Dice «sí.»"),
        ("**Hoy no.** Maña", "**Hoy no.**"),
        ("Hay:\n- pizza 9 €\n- pas", "Hay:\n- pizza 9 €"),
        ("Hay mesa. Los platos:\n1. pizza\n2.", "Hay mesa. Los platos:\n1. pizza"),
        ("Hay mesa. Los platos:\n- piz", "Hay mesa."),
        ("Hay mesa.\n\n## Platos\n- piz", "Hay mesa."),
        ("Hay mesa. Cuesta 9.", "Hay mesa."),
        ("Cuesta 9.50 al", "Cuesta 9.50…"),
        ("Todo está entero.", "Todo está entero."),
        ("La reserva cuesta 1", "La reserva cuesta…"),
        ("Cla", "Cla…"),
        ("Hay:\n- piz", "Hay…"),
        ("営業中です。明日", "営業中です。"),
        ("", ""),
    ],
)
def test_a_cut_text_ends_with_its_last_whole_part(cut: str, whole: str) -> None:
    assert whole_part(cut) == whole


@given(st.text())
def test_any_text_can_be_cleaned_and_cut(text: str) -> None:
    cleaned = clean(text)
    assert len(whole_part(cleaned)) <= len(cleaned) + 1


@pytest.mark.parametrize(
    "part", [" ", ".", "<think", "</think", "\ue200", "【", ":\n", "a.", "*", "\u200b"]
)
def test_a_degenerate_text_takes_no_longer_than_another_of_its_length(part: str) -> None:
    """One that took its square would not end."""
    long = part * 500_000
    assert len(clean(f"x{long}x")) <= len(long) + 2
    assert whole_part(long[:20_000])[:1] in ("", *long[:1], "…")
