"""What becomes the text of a message, and in how many parts."""

from typing import Any

import pytest
from tests.support.builders import a_reply

from common.events import Choice, Choices, OutgoingMedia
from sender.accept import parts_of

AS_WRITTEN = "*Importante:* **no** es [Markdown](https://a.es)"


def bodies(text: str, **fields: Any) -> list[str]:
    return [part.body for part in parts_of(a_reply(text, **fields))]


@pytest.mark.parametrize(
    "fields",
    [{"kind": "fallback"}, {"kind": "notice"}, {"kind": "notice", "what": "person"}],
    ids=["fallback", "notice", "person"],
)
def test_what_people_wrote_arrives_as_they_wrote_it(fields: dict[str, Any]) -> None:
    assert bodies(AS_WRITTEN, **fields) == [AS_WRITTEN]


def test_of_a_reply_only_the_models_piece_is_markdown() -> None:
    before, said, after = f"{AS_WRITTEN}\n\n", "**Sí**, hoy.", f"\n\n{AS_WRITTEN}"
    piece = (len(before), len(before + said))
    expected = [f"{before}*Sí*, hoy.{after}"]
    assert bodies(before + said + after, kind="answer", markdown=piece) == expected
    assert bodies(before + said + after, kind="notice", markdown=piece) == expected


def test_an_answer_of_an_older_assistant_is_markdown() -> None:
    assert bodies("**Sí**, hoy.", kind="answer") == ["*Sí*, hoy."]


@pytest.mark.parametrize("text", ["---", " "])
def test_every_reply_has_a_part_so_that_it_has_an_outcome(text: str) -> None:
    assert bodies(text, kind="answer") == [text]


OPTIONS = (Choice(id="option-1", title="Sí"), Choice(id="option-2", title="No"))
IN_WORDS = "**¿Reservo?**\n\n1. Sí\n2. No"


def offering(text: str, options: tuple[Choice, ...] = OPTIONS) -> Choices:
    return Choices(text=text, options=options, button="Ver opciones")


def test_options_are_shown_under_the_text_and_said_in_words_for_who_cannot_see_them() -> None:
    before = "Soy un asistente con IA.\n\n"
    piece = (len(before), len(before + IN_WORDS))
    reply = a_reply(before + IN_WORDS, markdown=piece, choices=offering("**¿Reservo?**"))
    [part] = parts_of(reply)
    assert part.body == f"{before}*¿Reservo?*\n\n1. Sí\n2. No"
    assert part.shown == offering(f"{before}*¿Reservo?*")


@pytest.mark.parametrize(
    "choices",
    [offering("a" * 1025), offering("a", (OPTIONS[0], Choice(id="2", title="x" * 25)))],
    ids=["text too long for buttons", "title too long for a list"],
)
def test_what_whatsapp_cannot_show_is_said_in_words_alone(choices: Choices) -> None:
    [part] = parts_of(a_reply(IN_WORDS, choices=choices))
    assert (part.shown, part.choices) == (None, None)


def test_the_first_part_alone_quotes() -> None:
    parts = parts_of(a_reply("a" * 5000, quotes="wamid.IN1"))
    assert [part.quotes for part in parts] == ["wamid.IN1", None]


def test_a_file_is_one_part_and_its_caption_is_sent_as_it_is() -> None:
    media = OutgoingMedia(id="1", kind="image", mime_type="image/png", filename="a.png")
    [part] = parts_of(a_reply("**Mesa** 4", kind="notice", what="person", media=media))
    assert (part.body, part.parts) == ("**Mesa** 4", 1)
    assert OutgoingMedia.model_validate_json(part.media or "") == media
    [text] = parts_of(a_reply("hola"))
    assert text.media is None
