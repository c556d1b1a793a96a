"""OpenAI's models as of 2026-11: which end when, what replaces them, what they refuse.

Source: the `ChatModel` list and docstrings of openai-python 3.54 and
https://developers.openai.com/api/docs/deprecations.
"""

from dataclasses import dataclass
from datetime import date

DEFAULT_MODEL = "gpt-6-luna"
STEP_UP = "gpt-6.1-terra"

PAST = date(2026, 10, 23)
DECEMBER = date(2026, 12, 11)
JANUARY = date(2027, 1, 14)
APRIL = date(2027, 4, 1)


@dataclass(frozen=True, slots=True)
class Retirement:
    """The model stops answering on `ends`; `replacement` is of the same class and price range."""

    ends: date
    replacement: str


RETIREMENTS = {
    "gpt-3.5-turbo": Retirement(PAST, DEFAULT_MODEL),
    "gpt-4": Retirement(PAST, STEP_UP),
    "gpt-4-turbo": Retirement(PAST, STEP_UP),
    "gpt-4.1-nano": Retirement(PAST, DEFAULT_MODEL),
    "o1": Retirement(PAST, STEP_UP),
    "o3-mini": Retirement(PAST, DEFAULT_MODEL),
    "o4-mini": Retirement(PAST, DEFAULT_MODEL),
    "gpt-5": Retirement(DECEMBER, STEP_UP),
    "gpt-5-mini": Retirement(DECEMBER, DEFAULT_MODEL),
    "gpt-5-nano": Retirement(DECEMBER, DEFAULT_MODEL),
    "o3": Retirement(DECEMBER, STEP_UP),
    "gpt-4o": Retirement(JANUARY, DEFAULT_MODEL),
    "gpt-4o-mini": Retirement(JANUARY, DEFAULT_MODEL),
    "gpt-4.1": Retirement(JANUARY, DEFAULT_MODEL),
    "gpt-4.1-mini": Retirement(JANUARY, DEFAULT_MODEL),
    "gpt-5.1": Retirement(APRIL, STEP_UP),
    "gpt-5.4-nano": Retirement(APRIL, DEFAULT_MODEL),
}


def retirement(model: str) -> Retirement | None:
    """Of the model or of the family of a dated snapshot such as gpt-4o-2024-08-06."""
    if model in RETIREMENTS:
        return RETIREMENTS[model]
    families = [name for name in RETIREMENTS if is_snapshot(model, name)]
    return RETIREMENTS[max(families, key=len)] if families else None


def is_snapshot(model: str, family: str) -> bool:
    """gpt-4-0613, gpt-4o-2024-08-06, gpt-4-turbo-preview; not gpt-4-something-else."""
    rest = model.removeprefix(f"{family}-")
    return rest != model and (rest.replace("-", "").isdecimal() or rest in ("preview", "latest"))


def model_to_call(model: str) -> tuple[str, str | None]:
    """The model itself or its replacement, and a warning when it is not the one asked for."""
    ends = retirement(model)
    if ends is None:
        return model, None
    return ends.replacement, (
        f"model: {model} ends on {ends.ends.isoformat()}; {ends.replacement} is used instead"
    )


def replacement_of(model: str) -> str:
    """What is asked when the server does not know the model."""
    ends = retirement(model)
    return ends.replacement if ends else DEFAULT_MODEL


def takes_sampling(reasoning_effort: str | None) -> bool:
    """Temperature and top_p are refused (400) unless the effort is none."""
    return reasoning_effort == "none"
