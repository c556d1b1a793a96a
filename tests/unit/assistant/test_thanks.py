"""Thanks and a thumb get no reply, unless they answer a question of ours."""

import pytest
from tests.support.turns import a_turn, assistant_message, contact_message

from assistant.thanks import asks_nothing


def after(answer: str, *texts: str) -> bool:
    earlier = (contact_message("¿Abren hoy?", 1, 1), assistant_message(answer, 2, 1))
    return asks_nothing(a_turn(*texts, history=(earlier,)))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("gracias",), True),
        (("¡Muchas gracias! 🙏",), True),
        (("Vale, perfecto, gracias",), True),
        (("ok thanks",), True),
        (("Vielen Dank!",), True),
        (("👍",), True),
        (("👍🏽👍🏽",), True),
        (("❤️",), True),
        (("gracias", "👍"), True),
        (("gracias", "¿y mañana?"), False),
        (("gracias, ¿y mañana?",), False),
        (("gracias?",), False),
        (("vale",), False),
        (("ok",), False),
        (("😡",), False),
        (("😭",), False),
        (("?",), False),
        (("gracias por nada, quiero mi dinero",), False),
        (("[photo] gracias",), False),
    ],
)
def test_what_only_thanks_asks_for_nothing(texts: tuple[str, ...], expected: bool) -> None:
    assert after("Sí, hasta las ocho.", *texts) is expected


def test_after_a_question_of_ours_a_thumb_is_an_answer() -> None:
    assert not after("¿Le reservo la mesa a las nueve?", "👍")


def test_who_begins_with_thanks_is_answered() -> None:
    assert not asks_nothing(a_turn("gracias"))
