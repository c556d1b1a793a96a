"""What an operator is told of an assistant that its model will not take as it is written."""

from typing import Any

import pytest

from tenant_admin.core.assistant_warnings import warnings_of
from tenant_admin.core.schemas import AssistantBody

ASTRA = "reasoning_effort: gpt-6-astra does not take none; low is sent"
ENDS = "model: OpenAI ends gpt-4o on 2027-01-14; from then on gpt-6-luna answers instead"
NO_EFFORT = "reasoning_effort: gpt-4o does not take none; it is not sent"
NO_VERBOSITY = "verbosity: not sent, gpt-4o does not take it"
SAMPLING = "temperature, top_p: not sent while reasoning_effort is not none"


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({}, ()),
        ({"model": "gpt-6-astra"}, (ASTRA,)),
        ({"model": "gpt-4o"}, (ENDS, NO_EFFORT, NO_VERBOSITY)),
        ({"model": "gpt-4o", "reasoning_effort": None, "verbosity": None}, (ENDS,)),
        ({"reasoning_effort": "low", "temperature": 0.5}, (SAMPLING,)),
        ({"temperature": 0.5}, ()),
        ({"model": "qwen3:8b", "temperature": 0.5}, ()),
        ({"model": "qwen3:8b", "reasoning_effort": "low", "top_p": 0.5}, (SAMPLING,)),
        (
            {"model": "gpt-4.1", "reasoning_effort": None, "verbosity": None}
            | {"max_output_tokens": 100_000},
            (
                "model: OpenAI ends gpt-4.1 on 2027-01-14; from then on gpt-6-luna answers instead",
                "max_output_tokens: gpt-4.1 gives 32768 at most",
            ),
        ),
    ],
)
def test_what_will_not_work_as_written_is_said(
    fields: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    body = AssistantBody(name="Sol", instructions="Eres el asistente.", **fields)
    assert warnings_of(body) == warnings
