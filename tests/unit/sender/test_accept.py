"""What becomes the text of a message, and in how many parts."""

from typing import Any

import pytest
from tests.support.builders import a_reply

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
