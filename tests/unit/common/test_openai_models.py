"""Which models are replaced."""

import pytest

from common.openai_models import RETIREMENTS, model_to_call, retirement


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("gpt-4o-mini", "gpt-6-luna"),
        ("gpt-4o-2024-08-06", "gpt-6-luna"),
        ("gpt-4o-mini-2024-07-18", "gpt-6-luna"),
        ("gpt-4-0613", "gpt-6.1-terra"),
        ("gpt-4-turbo-preview", "gpt-6.1-terra"),
        ("gpt-3.5-turbo-1106", "gpt-6-luna"),
        ("gpt-5", "gpt-6.1-terra"),
    ],
)
def test_a_model_that_ends_is_replaced_with_its_date(asked: str, used: str) -> None:
    model, warning = model_to_call(asked)
    assert model == used
    ending = retirement(asked)
    assert warning is not None
    assert ending is not None
    assert ending.ends.isoformat() in warning
    assert asked in warning


@pytest.mark.parametrize("asked", ["gpt-6-luna", "gpt-6.1-terra", "gpt-5.6-luna", "gpt-4-local"])
def test_other_models_stay(asked: str) -> None:
    assert model_to_call(asked) == (asked, None)


def test_no_replacement_ends_itself() -> None:
    assert not {each.replacement for each in RETIREMENTS.values()} & set(RETIREMENTS)
