"""A conversation with another machine ends by itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.builders import NOON
from tests.support.turns import a_turn, assistant_message, contact_message

from assistant.loop_guard import is_loop
from assistant.turn_context import TurnContext

AUTOMATIC = "Gracias por su mensaje, le contestaremos pronto."


def conversation(*messages: tuple[str, float]) -> TurnContext:
    """The contact's texts, each so many seconds after our answer to the one before."""
    at, history = NOON, []
    for number, (text, seconds) in enumerate(messages[:-1], start=1):
        at += timedelta(seconds=seconds)
        asked = contact_message(text, 2 * number, number, sent_at=at)
        at += timedelta(seconds=2)
        answer = replace(assistant_message("Hola", 2 * number + 1, number), sent_at=at)
        history.append((asked, answer))
    text, seconds = messages[-1]
    newest = contact_message(text, 99, sent_at=at + timedelta(seconds=seconds))
    return replace(a_turn(history=tuple(history)), pending=(newest,))


@pytest.mark.parametrize(
    ("texts", "seconds", "expected"),
    [
        ([AUTOMATIC] * 4, 0.1, True),
        ([AUTOMATIC] * 4, -1.0, True),  # WhatsApp tells whole seconds
        ([AUTOMATIC] * 4, 2.9, True),
        ([AUTOMATIC] * 4, 3.0, False),  # a person may repeat herself
        ([AUTOMATIC] * 3, 0.1, False),
        ([AUTOMATIC, "¡GRACIAS POR SU MENSAJE! Le contestaremos pronto"] * 2, 0.1, True),
        ([AUTOMATIC, "a", "b"] * 2 + [AUTOMATIC], 0.1, False),
        ([AUTOMATIC, "a", "b"] * 2 + [AUTOMATIC, AUTOMATIC], 0.1, True),
        (["👍"] * 4, 0.1, True),
        (["sí", "no", "mesa para dos", "a las nueve"] * 2, 0.1, False),
    ],
)
def test_the_same_text_right_after_our_answers_is_a_machine(
    texts: list[str], seconds: float, expected: bool
) -> None:
    assert is_loop(conversation(*((text, seconds) for text in texts))) is expected


def test_more_turns_than_a_person_reads_are_a_machine_s() -> None:
    assert is_loop(a_turn(is_busy=True))
    assert not is_loop(a_turn())
