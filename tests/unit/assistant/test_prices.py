"""What a call costs, and what an operator's own prices say when they are wrong."""

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from assistant.openai.response import Usage
from assistant.prices import read_prices
from assistant.settings import Settings
from common.service.settings import problems

OWN = """
[own-model]
input = 1_000_000
cached_input = 0
cache_write = 0
output = 2_000_000
"""


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        # The turn of the model's documentation: about $0.0002.
        (Usage("gpt-6-luna", 2500, cached_tokens=1500, output_tokens=150), 190),
        (Usage("gpt-6-luna-2026-09-01", 1_000_000), 200_000),
        (Usage("gpt-6-luna", 1000, cache_write_tokens=1000), 125),
        (Usage("gpt-6-luna", 272_000, output_tokens=1000), 27_200 + 500),
        (Usage("gpt-6-luna", 272_001, output_tokens=1000), 54_400 + 750),
        (Usage("gpt-6.1-terra", 1000, cached_tokens=1000), 50),
        (Usage("gpt-6-luna", 10, cached_tokens=20), 0),
        (Usage("gpt-6-luna"), 0),
    ],
)
def test_a_call_costs_what_the_list_says(usage: Usage, micros: int) -> None:
    assert read_prices().micros(usage) == micros


def test_a_model_without_a_price_is_logged_once() -> None:
    prices = read_prices()
    with capture_logs() as logs:
        costs = [prices.micros(Usage(model, 100)) for model in ("own", "own", "gpt-6-luna-own")]
    assert costs == [None, None, None]
    assert [line["model"] for line in logs] == ["own", "gpt-6-luna-own"]


def test_an_operators_own_prices_go_before_ours() -> None:
    own = read_prices(OWN + OWN.replace("own-model", "gpt-6-luna"))
    used = [Usage(model, 100, 0, 10) for model in ("own-model", "gpt-6-luna", "gpt-6-sol")]
    assert [own.micros(usage) for usage in used] == [120, 120, 300]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("[own-model]\ninput = 1\ncached_input = 1\noutput = 1", "own-model.cache_write: "),
        (OWN.replace("= 2_000_000", "= -2"), "own-model.output: "),
        (OWN + "currency = 'EUR'", "own-model.currency: "),
        (OWN + "long_context = { above = 1, input = 0.5, output = 1 }", "long_context.input: "),
        ("gpt", "end of document"),
    ],
)
def test_wrong_prices_name_the_entry(own: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_prices(own)


def test_a_start_with_wrong_prices_names_setting_and_entry() -> None:
    key = SecretStr("sk-of-these-tests-alone")
    url = SecretStr("postgresql://user:password@host/database")
    given = {"database_url": url, "openai_api_key": key, "kafka_bootstrap_servers": "broker:9092"}
    assert Settings(**given, prices=OWN).prices == OWN  # type: ignore[arg-type]
    with pytest.raises(ValidationError) as refused:
        Settings(**given, prices="[m]\ninput = 1")  # type: ignore[arg-type]
    assert problems(refused.value) == ["PRICES: m.cached_input: Field required"]
