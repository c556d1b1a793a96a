"""Markdown in, WhatsApp's marks out."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sender.whatsapp.markdown import to_whatsapp

CASES = {
    "bold": ("**Hola** y __adiós__", "*Hola* y *adiós*"),
    "italic": ("*suave* y _suave_", "_suave_ y _suave_"),
    "bold and italic": ("***las dos***", "*_las dos_*"),
    "italic in bold": ("**muy *muy* claro**", "*muy _muy_ claro*"),
    "struck": ("~~no~~", "~no~"),
    "heading": ("## Horario ##\nLunes", "*Horario*\nLunes"),
    "language in a heading": ("# Con C#", "*Con C#*"),
    "bold heading": ("# **Horario**", "*Horario*"),
    "bullets": ("* uno\n+ dos\n  * tres", "- uno\n- dos\n  - tres"),
    "numbers": ("1. uno\n2. dos", "1. uno\n2. dos"),
    "quote": ("> dicho", "> dicho"),
    "rule": ("a\n\n---\n\nb", "a\n\nb"),
    "link": ("[Carta](https://a.es/carta_de_hoy)", "Carta: https://a.es/carta_de_hoy"),
    "link with brackets": ("[Vea](https://a.es/b_(c)_d)", "Vea: https://a.es/b_(c)_d"),
    "link with its address as words": ("[https://a.es](https://a.es)", "https://a.es"),
    "mail": ("[Escríbanos](mailto:a@b.es)", "Escríbanos: a@b.es"),
    "image": ("![Plano](https://a.es/p.png)", "Plano: https://a.es/p.png"),
    "angle address": ("<https://a.es/__x__y>", "https://a.es/__x__y"),
    "bold address": ("**https://a.es**", "*https://a.es*"),
    "code": ("`a **b** c`", "`a **b** c`"),
    "block": ("```python\nx = '**y**'\n```", "```x = '**y**'\n```"),
    "open block": ("```\nx = 1", "```x = 1```"),
    "escapes": (r"5 \* 3 \_no\_", "5 * 3 _no_"),
    "products": ("5 * 3 * 2 y 2**3", "5 * 3 * 2 y 2**3"),
    "snake case": ("snake_case_name y a__b__c", "snake_case_name y a__b__c"),
    "table": ("| Pan | € |\n|-----|---|\n| Barra | 1,20 |", "Pan | €\nBarra | 1,20"),
    "break": ("uno<br>dos", "uno\ndos"),
    "blank lines": ("a\n\n\n\nb", "a\n\nb"),
    "control characters": ("a\x00b\x02c\r\nd", "abc\nd"),
}


@pytest.mark.parametrize(("markdown", "expected"), CASES.values(), ids=CASES)
def test_markdown_becomes_whatsapps_marks(markdown: str, expected: str) -> None:
    assert to_whatsapp(markdown) == expected


@given(st.text(st.characters(categories=["L", "N"], include_characters=" ,.¿?¡!€\n"), min_size=1))
def test_plain_text_keeps_every_word(text: str) -> None:
    assert to_whatsapp(text).split() == text.split()


@given(st.text(st.sampled_from("*_~`#>-|[]()\\ ab\n1.<\x00"), max_size=60))
def test_any_marks_end_in_text_that_holds_all_its_letters(text: str) -> None:
    letters = [letter for letter in to_whatsapp(text) if letter in "ab"]
    assert letters == [letter for letter in text if letter in "ab"]


COSTLY = ["*", "_", "**", "**a ", "[", "[a](", "[a](b(", "`", "#", "# ", "|", "- ", "<", "\\", " "]


@pytest.mark.parametrize("mark", COSTLY)
def test_ten_thousand_marks_take_less_than_a_second(mark: str) -> None:
    started = process_time()
    to_whatsapp(f"# {mark * 10_000} x")
    assert process_time() - started < 1
