"""Texts are compared without case, accents, punctuation, symbols and emoji."""

import pytest

from common.folded_text import folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STOP", "stop"),
        ("Atención", "atencion"),
        ("Atencio\u0301n", "atencion"),
        ("¡¿Baja?!", "baja"),
        ("«baja»", "baja"),
        ("(baja)", "baja"),
        ("*STOP* _ya_ ~x~", "stop ya x"),
        ("stop\u00a0", "stop"),
        ("\u2003no\u202fmás\tmensajes\n", "no mas mensajes"),
        ("st\u200bop\ufeff", "stop"),
        ("\u200estop\u200f", "stop"),
        ("STOP 🛑", "stop"),
        ("🛑STOP🙏🏽", "stop"),
        ("stop ❤\ufe0f", "stop"),
        ("1\ufe0f\u20e3", "1"),
        ("ＳＴＯＰ", "stop"),
        ("𝐒𝐓𝐎𝐏", "stop"),
        ("Straße", "strasse"),
        ("s'il vous plaît", "s il vous plait"),
        ("S’il vous plaît", "s il vous plait"),
        ("stop,please", "stop please"),
        ("", ""),
        (" \n", ""),
        ("?!…", ""),
        ("👍👍🏾👨‍👩‍👧", ""),
        ("\ufe0f\u200d", ""),
    ],
)
def test_only_letters_and_digits_are_compared(text: str, expected: str) -> None:
    assert folded(text) == expected
    assert folded(expected) == expected
