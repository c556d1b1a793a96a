"""What is known of OpenAI's models."""

from typing import get_args

import pytest

from common.events.config import Effort
from common.openai_models import (
    DEFAULT_MODEL,
    EFFORTS,
    capabilities_of,
    known_models,
    replacement_of,
    warning_of_end,
)
from devkit.emulators.openai.models import CATALOGUE


@pytest.mark.parametrize(
    ("asked", "used", "ends"),
    [
        ("gpt-4o-mini", "gpt-6-luna", "2027-01-14"),
        ("gpt-4o-2024-08-06", "gpt-6-luna", "2027-01-14"),
        ("gpt-4o-mini-2024-07-18", "gpt-6-luna", "2027-01-14"),
        ("gpt-4-0613", "gpt-6.1-terra", "2026-10-23"),
        ("gpt-4-turbo-preview", "gpt-6.1-terra", "2026-10-23"),
        ("gpt-3.5-turbo-1106", "gpt-6-luna", "2026-10-23"),
        ("gpt-5", "gpt-6.1-terra", "2026-12-11"),
    ],
)
def test_a_model_that_ends_has_a_date_and_a_replacement(asked: str, used: str, ends: str) -> None:
    assert replacement_of(asked) == used
    assert warning_of_end(asked) == (
        f"model: OpenAI ends {asked} on {ends}; from then on {used} answers instead"
    )


@pytest.mark.parametrize("asked", ["gpt-6-luna", "gpt-6.1-terra", "gpt-5.6-luna", "gpt-4-local"])
def test_of_other_models_there_is_nothing_to_say(asked: str) -> None:
    assert warning_of_end(asked) is None
    assert replacement_of(asked) == DEFAULT_MODEL


def test_every_model_that_ends_is_replaced_by_one_that_does_not() -> None:
    replacements = {known.replacement for known in known_models().values() if known.ends}
    assert [name for name in replacements if known_models()[name].ends] == []


def test_efforts_are_those_of_the_settings_in_order() -> None:
    assert get_args(Effort) == EFFORTS
    for name, known in known_models().items():
        places = [EFFORTS.index(effort) for effort in known.efforts]
        assert places == sorted(places), name
        assert known.default_effort in {*known.efforts, None}, name


def test_the_stand_in_takes_what_we_say_that_the_models_take() -> None:
    assert {
        name: (model.efforts, model.default_effort, model.shutdown)
        for name, model in CATALOGUE.items()
        if name in known_models()
    } == {
        name: (known.efforts, known.default_effort, known.ends)
        for name, known in known_models().items()
    }


def test_a_model_that_nobody_knows_has_no_capabilities() -> None:
    assert capabilities_of("qwen3:8b") is None
