"""Markdown in, WhatsApp's marks out."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.emulators.whatsapp import markup
from sender.whatsapp.markdown import to_whatsapp

CASES = {
    "bold": ("**Hola** y __adiós__", "*Hola* y *adiós*"),
    "bold glued to a number": ("**Precio:**10€", "Precio:10€"),
    "bold glued to letters": ("pre**fijo**s", "prefijos"),
    "bold after a bracket": ("¿**Hoy**? ¡**Sí**!", "¿*Hoy*? ¡*Sí*!"),
    "bold over a line break": ("**una\ndos** tres", "*una*\n*dos* tres"),
    "bold with spaces": ("Hola ** x ** adiós", "Hola *x* adiós"),
    "bold with one space": ("**Nota: **hoy **y** aquí", "*Nota:* hoy *y* aquí"),
    "open bold": ("**Nota: hoy\n**Hora**: 9", "**Nota: hoy\n*Hora*: 9"),
    "bold in italic": ("*a **b** c*", "_a_ *_b_* _c_"),
    "two styles that touch": ("**a!**_¡b_", "*a!*¡b"),
    "code in bold": ("**`x`**", "*`x`*"),
    "WhatsApp's bold": ("*¡Importante!* Cerramos", "*¡Importante!* Cerramos"),
    "WhatsApp's bold as labels": ("*Hoy:* sí\n- *Aquí*: no", "*Hoy:* sí\n- *Aquí*: no"),
    "italic beside bold": ("*¡Ojo!* **ya**", "_¡Ojo!_ *ya*"),
    "WhatsApp's strike": ("~no~", "~no~"),
    "tags": ("<b>Hola</b> <i>y</i> <s>no</s>", "*Hola* _y_ ~no~"),
    "no tags": ("a <b y <nombre> </i> <3", "a <b y <nombre> </i> <3"),
    "entities": ("Tom &amp; Ana &lt;3", "Tom & Ana <3"),
    "italic": ("*suave* y _suave_", "_suave_ y _suave_"),
    "bold and italic": ("***las dos***", "*_las dos_*"),
    "italic in bold": ("**muy *muy* claro**", "*muy _muy_ claro*"),
    "struck": ("~~no~~", "~no~"),
    "heading": ("## Horario ##\nLunes", "*Horario*\nLunes"),
    "language in a heading": ("# Con C#", "*Con C#*"),
    "bold heading": ("# **Horario**", "*Horario*"),
    "heading before text": ("Hoy\n# Carta\nPan", "Hoy\n*Carta*\nPan"),
    "underlined": ("Carta\n---\nPan\n===", "Carta\n\nPan\n==="),
    "nested": ("1. **a**\n   b\n   - c\n     - d", "1. *a*\n   b\n   - c\n     - d"),
    "list in text": ("Hay:\n- pan\n- té\n¿Algo más?", "Hay:\n- pan\n- té\n¿Algo más?"),
    "loose list": ("- a\n\n- b\n-\n- c", "- a\n\n- b\n-\n- c"),
    "list in a list": ("- - a\n- 1) b", "- - a\n- 1) b"),
    "tasks": ("- [ ] a\n- [x] b", "- [ ] a\n- [x] b"),
    "year": ("2026. Un año\n2026.", "2026. Un año\n2026."),
    "indented": ("a\n     b\n\n     c", "a\n     b\n\n     c"),
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
    "bold address": ("Mira **https://a.es/a_b?x=1** ya", "Mira https://a.es/a_b?x=1 ya"),
    "address in bold words": ("**Web: https://a.es/_x_y aquí**", "*Web:* https://a.es/_x_y *aquí*"),
    "marks in an address": ("Vea https://a.es/__x__/*y*(z).", "Vea https://a.es/__x__/*y*(z)."),
    "address in brackets": ("(https://a.es/b_c)", "(https://a.es/b_c)"),
    "escapes in an address": (r"https://a.es/a\_b?c&amp;d", "https://a.es/a_b?c&d"),
    "address with an accent": ("[Menú](https://a.es/menú)", "Menú: https://a.es/menú"),
    "reference": ("[Carta][1], hoy\n\n[1]: https://a.es", "Carta: https://a.es, hoy"),
    "numbered source": ("Hoy [1]\n\n[1]: https://a.es", "Hoy https://a.es"),
    "unused reference": ("Hoy\n\n[1]: https://a.es", "Hoy\n\n[1]: https://a.es"),
    "no reference": ("[Horario]: 9-18", "[Horario]: 9-18"),
    "code": ("`a **b** c`", "`a **b** c`"),
    "block": ("```python\nx = '**y**'\n```", "```x = '**y**'```"),
    "block with a title": (
        "Así:\n```json title\n{}\n\n  1\n```\nFin",
        "Así:\n```{}\n\n  1```\nFin",
    ),
    "block of tildes": ("~~~\nx\n~~~", "```x```"),
    "fence in a block": ("~~~\n```\n~~~", "```ˋˋˋ```"),
    "empty block": ("a\n```\n```\nb", "a\n\nb"),
    "open block": ("```\nx = 1", "```x = 1```"),
    "escapes": (r"5 \* 3 \_no\_ \*nota\*", "5 * 3 ＿no＿ ∗nota∗"),
    "escaped code": (r"\`x\`", "ˋxˋ"),
    "hints": ("10 € (*) y 20 € (*)", "10 € (∗) y 20 € (∗)"),
    "faces": (":-) :_( <3 ^_^", ":-) :_( <3 ^_^"),
    "face of stars": ("*_*", "∗_∗"),
    "prices": ("~20 € a ~30 €, $5", "~20 € a ~30 €, $5"),
    "range": ("20~30~40", "20~30~40"),
    "products": ("5 * 3 * 2 y 2**3", "5 * 3 * 2 y 2**3"),
    "snake case": ("snake_case_name y a__b__c", "snake_case_name y a__b__c"),
    "table": ("| Pan | € |\n|-----|---|\n| Barra | 1,20 |", "Pan | €\nBarra | 1,20"),
    "long row": ("a|b\n-|-\n1|**2**|3\n\nc", "a | b\n1 | *2* | 3\n\nc"),
    "soft and hard breaks": ("a\nb  \nc\\\nd", "a\nb\nc\nd"),
    "break": ("uno<br>dos", "uno\ndos"),
    "blank lines": ("a\n\n\n\nb", "a\n\nb"),
    "control characters": ("a\x00b\x02c\r\nd", "abc\nd"),
}


@pytest.mark.parametrize(("markdown", "expected"), CASES.values(), ids=CASES)
def test_markdown_becomes_whatsapps_marks(markdown: str, expected: str) -> None:
    assert to_whatsapp(markdown) == expected


PLAIN = st.text(st.characters(categories=["L", "N"], include_characters=" ,.:;()/¿?¡!€\n"))


@given(PLAIN)
def test_plain_text_stays_and_takes_the_same_way_as_marked_text(text: str) -> None:
    plain = to_whatsapp(text)
    assert plain.split() == text.split()
    assert to_whatsapp(plain) == plain
    assert to_whatsapp(f"{text}\n\n**x**") == f"{plain}\n\n*x*".strip()


SIGNS = st.text(st.sampled_from("*_~`#>-|[]()\\ ab\n1.<:!\x00"), max_size=60)


@given(SIGNS)
def test_any_marks_end_in_text_that_holds_all_its_letters(text: str) -> None:
    letters = [letter for letter in to_whatsapp(text) if letter in "ab"]
    assert letters == [letter for letter in text if letter in "ab"]


@given(st.text(st.sampled_from("*_~` a.\n"), max_size=40))
def test_what_is_escaped_is_shown_without_any_style(text: str) -> None:
    escaped = "".join(f"\\{sign}" if sign in "*_~`" else sign for sign in text)
    assert not STYLED.search(shown(to_whatsapp(escaped)))


@given(st.lists(st.sampled_from(["**", "*", "~~", "a", "¡b!", " ", "\n", ", "]), max_size=12))
def test_no_mark_is_shown_that_stands_for_a_style(parts: list[str]) -> None:
    """A model's marks are styles, or they are characters of the text: never a half of each."""
    written = to_whatsapp("".join(parts))
    marks = sum(written.count(mark) for mark in "*_~")
    left = "".join(parts).count("*") + "".join(parts).count("~")
    visible = sum(re.sub("<[^>]+>", "", shown(written)).count(mark) for mark in "*_~")
    assert visible <= min(marks, left)


STYLED = re.compile("<(?:strong|em|s|code)>")


def shown(text: str) -> str:
    return str(markup.html(text))


COSTLY = [
    "*", "_", "**", "**a ", "*a ", "_a_ ", "~a", "[", "[a](", "[a](b(", "![", "`", "``a `", "#",
    "# ", "|", "a|b\n-|-\n", "- ", "> ", "<", "<b>", "\\", "\\*a\\* ", " ", "https://", "&", "*_*",
]  # fmt: skip


@pytest.mark.parametrize("mark", COSTLY)
def test_time_grows_with_the_length_alone(mark: str) -> None:
    """100 kB take one to five seconds of a slow processor; squared it would be minutes."""
    started = process_time()
    to_whatsapp(f"# {mark * (100_000 // len(mark))} x")
    assert process_time() - started < 30
