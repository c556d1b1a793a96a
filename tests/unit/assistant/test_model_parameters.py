"""What of an assistant's parameters is sent to its model."""

from typing import Any

import pytest
from tests.support.builders import an_assistant

from assistant.model_parameters import model_parameters
from common.events import TenantSettings

COOL: dict[str, Any] = {"temperature": 0.2}
LOW: dict[str, Any] = {"verbosity": "low"}


def parameters(client: dict[str, Any] | None = None, **assistant: Any) -> dict[str, Any]:
    values = COOL | LOW | {"max_output_tokens": 800} | assistant
    return model_parameters(TenantSettings(**client or {}), an_assistant(**values))


def effort(name: str) -> dict[str, Any]:
    return {"reasoning": {"effort": name}}


VERBOSITY = {"text": LOW}


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("gpt-6-luna", "none", effort("none") | VERBOSITY | COOL),
        ("gpt-6-luna", "low", effort("low") | VERBOSITY),
        ("gpt-6-luna", "minimal", effort("none") | VERBOSITY | COOL),
        ("gpt-6-luna", None, VERBOSITY),  # medium by default
        ("gpt-5.2", None, VERBOSITY | COOL),  # none by default
        ("gpt-6-astra", "none", effort("low") | VERBOSITY),
        ("gpt-5-mini", "none", effort("minimal") | VERBOSITY),
        ("gpt-5-mini", "max", effort("high") | VERBOSITY),
        ("o3", "none", effort("low")),
        ("gpt-4.1", "none", COOL),
        ("gpt-4o-2024-08-06", "high", COOL),
        ("qwen3:8b", "none", effort("none") | VERBOSITY | COOL),
        ("qwen3:8b", "minimal", effort("minimal") | VERBOSITY),
        ("qwen3:8b", None, VERBOSITY),
    ],
)
def test_a_model_gets_what_it_takes_and_an_unknown_one_all(
    model: str, wanted: str | None, sent: dict[str, Any]
) -> None:
    everything = {"model": model, "max_output_tokens": 800}
    assert parameters(model=model, reasoning_effort=wanted) == everything | sent


def test_the_clients_own_go_before_the_assistants() -> None:
    own = {"model": "gpt-6.1-terra", "reasoning_effort": "low"}
    sent = parameters(own, model="gpt-6-luna", reasoning_effort="none")
    assert (sent["model"], sent["reasoning"]) == ("gpt-6.1-terra", {"effort": "low"})


@pytest.mark.parametrize(
    ("model", "tokens"), [("gpt-4.1", 32_768), ("gpt-6-luna", 100_000), ("qwen3:8b", 100_000)]
)
def test_no_more_is_asked_for_than_the_model_gives(model: str, tokens: int) -> None:
    assert parameters(model=model, max_output_tokens=100_000)["max_output_tokens"] == tokens
