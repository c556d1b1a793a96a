"""What a server of transcriptions may answer."""

import pytest

from assistant.openai.response import ModelFailure, Usage
from assistant.openai.transcription import Transcript, read_transcript

MODEL = "gpt-transcribe"


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"text": " Hola. "}, Transcript("Hola.", Usage(MODEL))),
        (
            {"text": "Hola", "usage": {"type": "duration", "seconds": 7}},
            Transcript("Hola", Usage(MODEL), 7),
        ),
        (
            {"text": "Hola", "usage": {"type": "tokens", "input_tokens": 9, "output_tokens": 2}},
            Transcript("Hola", Usage(MODEL, 9, 0, 2)),
        ),
        ({"text": "a\0b\ud83d", "usage": {"seconds": -1}}, Transcript("ab?", Usage(MODEL))),
        ({"text": "\u200b "}, ModelFailure("empty", usage=Usage(MODEL))),
        ({"text": 7}, ModelFailure("unreadable", "transient")),
        ({}, ModelFailure("unreadable", "transient")),
        (None, ModelFailure("unreadable", "transient")),
    ],
)
def test_a_transcript_is_words_or_a_failure(body: object, read: object) -> None:
    assert read_transcript(body, MODEL) == read
