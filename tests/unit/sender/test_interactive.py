"""Options as WhatsApp takes them, with Meta's stand-in as the judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Choice, Choices
from devkit.emulators.whatsapp.validation import check_interactive
from sender.whatsapp.interactive import interactive, longest_body


def choices_of(*titles: str, description: str | None = None, button: str = "Ver") -> Choices:
    options = [Choice(id=f"o{n}", title=t, description=description) for n, t in enumerate(titles)]
    return Choices(text="¿Cuál?", options=tuple(options), button=button)


@pytest.mark.parametrize(
    ("choices", "kind", "longest"),
    [
        (choices_of("Sí", "No"), "button", 1024),
        (choices_of("a" * 20, "b", "c"), "button", 1024),
        (choices_of("a" * 21, "b"), "list", 4096),
        (choices_of("Sí", "No", description="hoy"), "list", 4096),
        (choices_of("a", "b", "c", "d"), "list", 4096),
        (choices_of(*"abcdefghij"), "list", 4096),
    ],
)
def test_few_short_options_are_buttons_others_a_list(
    choices: Choices, kind: str, longest: int
) -> None:
    assert longest_body(choices) == longest
    content = interactive(choices, "x" * longest)
    assert content["type"] == kind
    check_interactive(content)


@pytest.mark.parametrize(
    "choices",
    [
        choices_of("a" * 25, "b"),
        choices_of("😀" * 13, "b"),
        choices_of(*"abcdefghijk"),
        choices_of("a", "b", description="x" * 73),
        choices_of("a" * 21, "b", button="x" * 21),
    ],
)
def test_what_whatsapp_cannot_show_is_no_interactive_message(choices: Choices) -> None:
    assert longest_body(choices) is None


@given(
    st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=12, unique=True),
    st.none() | st.text(min_size=1, max_size=80),
)
def test_whatever_the_options_meta_takes_them_or_they_are_not_sent(
    titles: list[str], description: str | None
) -> None:
    choices = choices_of(*titles, description=description)
    if longest_body(choices):
        check_interactive(interactive(choices, "¿Cuál?"))
