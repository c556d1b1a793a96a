"""Long texts in parts."""

from html.parser import HTMLParser
from time import process_time

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from devkit.emulators.whatsapp import markup
from sender.whatsapp.graphemes import utf16_length
from sender.whatsapp.markdown import to_whatsapp
from sender.whatsapp.split_text import LIMIT, split_text

FAMILY, SKIN, FLAG, KEYCAP = "👨\u200d👩\u200d👧", "👍🏽", "🇪🇸", "1\ufe0f\u20e3"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def test_a_text_that_fits_stays_whole() -> None:
    text = "palabra " * 511 + "12345678"
    assert len(text) == LIMIT
    assert split_text(text) == [text]


def test_one_character_more_makes_two_parts() -> None:
    assert [len(part) for part in split_text("a" * (LIMIT + 1))] == [LIMIT, 1]


def test_an_emoji_counts_as_two() -> None:
    assert split_text("😀" * (LIMIT // 2)) == ["😀" * (LIMIT // 2)]
    assert [len(part) for part in split_text("😀" * LIMIT)] == [LIMIT // 2, LIMIT // 2]


def test_a_blank_text_has_no_parts() -> None:
    assert split_text(" \n ") == []


LONG = "Uno dos tres cuatro cinco seis siete"
CUTS = {
    "blank line": (f"Uno.\nDos dos dos dos\n\nTres. {LONG}", "Uno.\nDos dos dos dos"),
    "line": (f"Uno dos. Tres tres tres\ncuatro. {LONG}", "Uno dos. Tres tres tres"),
    "sentence": (f"Uno dos tres cuatro ya. Cinco, seis {LONG}", "Uno dos tres cuatro ya."),
    "half a sentence": (f"Uno dos tres cuatro cinco, {LONG}", "Uno dos tres cuatro cinco,"),
    "word": (f"{LONG} ocho", "Uno dos tres cuatro cinco seis siete"),
    "address": (f"Mire esto: https://a.es/{'x' * 30}", "Mire esto:"),
    "block": (f"Mire esto bien: ```{'x' * 30}```", "Mire esto bien:"),
    "dash": (f"{LONG} - dos tres", f"{LONG} -"),
    "indented": (f"- {LONG}\n  - dos", f"- {LONG}"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "first"), CUTS.values(), ids=CUTS)
def test_where_the_first_part_ends(text: str, first: str) -> None:
    assert split_text(text, 40)[0] == first


def test_marks_and_code_are_closed_and_opened_again() -> None:
    bold = "*" + "muy largo " * 8 + "fin*"
    for part in split_text(bold, 40):
        assert part.startswith("*")
        assert part.endswith("*")
    code = "```" + "\n".join(f"  x = {number}" for number in range(20)) + "```"
    parts = split_text(code, 60)
    assert len(parts) > 2
    assert all(part.startswith("```  x = ") and part.endswith("```") for part in parts)
    quote = "> " + "cita larga " * 8
    assert all(part.startswith("> ") for part in split_text(quote, 40))


@pytest.mark.parametrize("sign", [FAMILY, SKIN, FLAG, KEYCAP, ENGLAND, "e\u0301", "नि"])
def test_what_is_one_character_for_a_reader_is_not_torn(sign: str) -> None:
    for limit in range(40, 60):
        text = f"a{sign * 60}"
        parts = split_text(text, limit)
        assert [one for part in parts for one in regex.findall(r"\X", part)] == ["a", *[sign] * 60]


class Shown(HTMLParser):
    """Each character with the styles that a reader sees, without the space."""

    STYLES = frozenset(["strong", "em", "s", "code", "blockquote"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.styles: list[str] = []
        self.characters: list[tuple[str, frozenset[str]]] = []
        self.feed(str(markup.html(text)))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.styles.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.styles:
            self.styles.remove(tag)

    def handle_data(self, data: str) -> None:
        styles = self.STYLES.intersection(self.styles)
        self.characters += [(one, styles) for one in data if not one.isspace()]


WORDS = st.lists(
    st.sampled_from(["uno", "dos,", "fin.", "¿ya?", "*", "5", "a_b", SKIN, FAMILY, "- no", "1. x"]),
    min_size=1,
    max_size=14,
).map(" ".join)
STYLED = st.tuples(st.sampled_from(["**", "*", "~~", "`", "", "***"]), WORDS).map(
    lambda both: f"{both[0]}{both[1]}{both[0]}"
)
LINES = st.lists(STYLED, min_size=1, max_size=5).map(" y ".join)
CODE = st.lists(WORDS, min_size=1, max_size=8).map(
    lambda lines: "```\n" + "\n".join(lines) + "\n```"
)
BLOCKS = st.one_of(
    LINES,
    LINES.map("# {}".format),
    LINES.map("> {}".format),
    LINES.map("- {}".format),
    LINES.map("1. a\n   - {}".format),
    st.just("https://ejemplo.es/una_carta_de_hoy"),
    CODE,
)
ANSWERS = st.tuples(st.lists(BLOCKS, min_size=1, max_size=6), st.sampled_from(["\n", "\n\n"])).map(
    lambda both: to_whatsapp(both[1].join(both[0]))
)


@example("*uno uno uno*\n*uno uno y _uno ***∗ y_ dos,**∗ y _uno_*", 50)  # ** holds nothing
@given(ANSWERS, st.integers(50, 120))
def test_the_parts_show_what_the_whole_shows(text: str, limit: int) -> None:
    shown = [one for part in split_text(text, limit) for one in Shown(part).characters]
    assert shown == Shown(text).characters


ANY = st.text(st.sampled_from("ab .,\n\u0301é👍🏽\u200d`*_~>-1"), max_size=400)


@given(ANY, st.integers(40, 60))
def test_no_part_is_blank_or_too_long_and_no_letter_is_lost(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(part.strip() and utf16_length(part) <= limit for part in parts)
    letters = [letter for letter in "".join(parts) if letter in "ab.,é👍1"]
    assert letters == [letter for letter in text if letter in "ab.,é👍1"]


@pytest.mark.parametrize(
    "sign", ["*", "*a ", "`", "`a` ", "```", ">", "> a\n", "_a_\n", FLAG, " a"]
)
def test_time_grows_with_the_length_alone(sign: str) -> None:
    """100 kB take a second of a slow processor; squared it would be minutes."""
    started = process_time()
    split_text(sign * (100_000 // len(sign)))
    assert process_time() - started < 30
