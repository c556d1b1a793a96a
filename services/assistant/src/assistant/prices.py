"""What a call of a model costs, in micro-dollars. prices.toml beside it; an operator's own entries
go before it."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assistant.openai.response import Usage
from common.openai_models import is_snapshot

log = structlog.get_logger()
MILLION = 1_000_000


class LongContext(BaseModel):
    """Factors for the whole of a request with more than `above` input tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: int = Field(ge=0)
    input: float = Field(ge=1)
    output: float = Field(ge=1)


class ModelPrice(BaseModel):
    """Micro-dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: int = Field(ge=0)
    cached_input: int = Field(ge=0)
    cache_write: int = Field(ge=0)
    output: int = Field(ge=0)
    long_context: LongContext | None = None

    def micros(self, usage: Usage) -> int:
        """Cached and written tokens are parts of the input tokens."""
        cached, written = usage.cached_tokens, usage.cache_write_tokens
        plain = max(usage.input_tokens - cached - written, 0)
        read = plain * self.input + cached * self.cached_input + written * self.cache_write
        written_out = usage.output_tokens * self.output
        if self.long_context and usage.input_tokens > self.long_context.above:
            total = read * self.long_context.input + written_out * self.long_context.output
            return round(total / MILLION)
        return round((read + written_out) / MILLION)


PRICES = TypeAdapter(dict[str, ModelPrice])


class Prices:
    """By model. Loop thread and the database's threads: it remembers only what it has logged."""

    def __init__(self, models: Mapping[str, ModelPrice]) -> None:
        self._models = models
        self._logged: set[str] = set()

    def micros(self, usage: Usage) -> int | None:
        """None where the model's price is not known; that is logged once per model."""
        price = self._price_of(usage.model)
        if price is None and usage.model not in self._logged:
            self._logged.add(usage.model)
            log.warning("model_price_unknown", model=usage.model)
        return price.micros(usage) if price else None

    def _price_of(self, model: str) -> ModelPrice | None:
        """The model's own, or that of the family of a dated snapshot."""
        families = [name for name in self._models if name == model or is_snapshot(model, name)]
        return self._models[max(families, key=len)] if families else None


def read_prices(own: str = "") -> Prices:
    """own: TOML as in prices.toml; its models replace those of the same name.

    Raises ValueError, naming the entry.
    """
    built_in = files("assistant").joinpath("prices.toml").read_text(encoding="utf-8")
    return Prices(parsed(built_in) | parsed(own))


def parsed(text: str) -> dict[str, ModelPrice]:
    try:
        return PRICES.validate_python(tomllib.loads(text))
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        entry = ".".join(map(str, detail["loc"]))
        raise ValueError(f"{entry}: {detail['msg']}") from None
