"""The models the emulator knows, with what each accepts.

Dates: the deprecation notes in openai-python 3.57, types/shared/chat_model.py and
types/audio_model.py. Efforts: the model pages of November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from devkit.emulators.openai.refusals import Refused


@dataclass(frozen=True, slots=True)
class Model:
    """`efforts` empty: not a reasoning model. `shutdown`: first day it is refused."""

    efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    shutdown: date | None = None
    audio: bool = False


SIX = Model(("none", "low", "medium", "high", "xhigh", "max"), "medium")
SIX_ALWAYS_REASONING = Model(("low", "medium", "high", "xhigh", "max"), "medium")
FIVE_LATE = Model(("none", "low", "medium", "high", "xhigh"), "none")
FIVE = Model(("minimal", "low", "medium", "high"), "medium", date(2026, 12, 11))
O_SERIES = Model(("low", "medium", "high"), "medium", date(2026, 10, 23))
PLAIN = Model(shutdown=date(2027, 1, 14))
PLAIN_ENDED = Model(shutdown=date(2026, 10, 23))
AUDIO_ENDING = Model(shutdown=date(2027, 2, 26), audio=True)

CATALOGUE: Mapping[str, Model] = {
    "gpt-6-luna": SIX,
    "gpt-6-sol": SIX,
    "gpt-6.2-sol": SIX,
    "gpt-6.1-terra": SIX,
    "gpt-6.1-sol": SIX_ALWAYS_REASONING,
    "gpt-6-astra": SIX_ALWAYS_REASONING,
    "gpt-6.2-astra": SIX_ALWAYS_REASONING,
    "gpt-5.6-luna": SIX,
    "gpt-5.6-terra": SIX,
    "gpt-5.6-sol": SIX,
    "gpt-5.5": replace(FIVE_LATE, default_effort="medium"),
    "gpt-5.4": FIVE_LATE,
    "gpt-5.4-mini": FIVE_LATE,
    "gpt-5.4-nano": replace(FIVE_LATE, shutdown=date(2027, 4, 1)),
    "gpt-5.2": FIVE_LATE,
    "gpt-5.1": replace(FIVE_LATE, shutdown=date(2027, 4, 1)),
    "gpt-5": FIVE,
    "gpt-5-mini": FIVE,
    "gpt-5-nano": FIVE,
    "o3": replace(O_SERIES, shutdown=date(2026, 12, 11)),
    "gpt-4.1": PLAIN,
    "gpt-4.1-mini": PLAIN,
    "gpt-4o": PLAIN,
    "gpt-4o-mini": PLAIN,
    "gpt-5.3-chat-latest": Model(shutdown=date(2026, 8, 10)),
    "gpt-5-chat-latest": Model(shutdown=date(2026, 7, 23)),
    "gpt-4.1-nano": PLAIN_ENDED,
    "gpt-4-turbo": PLAIN_ENDED,
    "gpt-4": PLAIN_ENDED,
    "gpt-3.5-turbo": PLAIN_ENDED,
    "o1": O_SERIES,
    "o3-mini": O_SERIES,
    "o4-mini": O_SERIES,
    "gpt-transcribe": Model(audio=True),
    "gpt-4o-transcribe": AUDIO_ENDING,
    "gpt-4o-mini-transcribe": AUDIO_ENDING,
    "whisper-1": AUDIO_ENDING,
}


def find_model(models: Mapping[str, Model], name: str, *, audio: bool, today: date) -> Model:
    """The model, or Refused with 404 when unknown, shut down or of the other endpoint."""
    model = models.get(name)
    if model is None or model.audio != audio:
        raise not_found(f"The model '{name}' does not exist or you do not have access to it.")
    if model.shutdown and model.shutdown <= today:
        raise not_found(f"The model '{name}' has been shut down on {model.shutdown}.")
    return model


def not_found(message: str) -> Refused:
    return Refused(message, param="model", code="model_not_found", status=404)
