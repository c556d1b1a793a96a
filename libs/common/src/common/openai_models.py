"""OpenAI's models: what each takes, which end when, and what replaces them (models.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

DEFAULT_MODEL = "gpt-6-luna"
STEP_UP = "gpt-6.1-terra"
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Of one model. efforts: empty where it does not reason. default_effort: the one in force where
    none is sent. context, max_output: tokens; None: not known. ends: the first day on which it does
    not answer; replacement: of the same class and price range.
    """

    efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    verbosity: bool = False
    vision: bool = False
    files: bool = False
    context: int | None = None
    max_output: int | None = None
    ends: date | None = None
    replacement: str = DEFAULT_MODEL

    def effort_for(self, asked: str | None) -> str | None:
        """The effort that is asked for, or the nearest that the model takes; the lower of two."""
        if asked is None or asked in self.efforts or not self.efforts:
            return asked if self.efforts else None
        place = EFFORTS.index(asked)
        return min(self.efforts, key=lambda effort: abs(EFFORTS.index(effort) - place))

    def takes_sampling(self, effort: str | None) -> bool:
        """effort: the one that is sent, if any."""
        return not self.efforts or (effort or self.default_effort) == "none"


def read_models(data: Mapping[str, Any]) -> dict[str, Capabilities]:
    """A model's own values go before its family's."""
    return {
        name: capabilities(data["families"][own["family"]] | own)
        for name, own in data["models"].items()
    }


def capabilities(values: Mapping[str, Any]) -> Capabilities:
    known = {name: value for name, value in values.items() if name != "family"}
    return Capabilities(**known | {"efforts": tuple(values.get("efforts", ()))})


@cache
def known_models() -> Mapping[str, Capabilities]:
    """By name, from models.toml."""
    table = Path(__file__).with_name("models.toml")
    return read_models(tomllib.loads(table.read_text(encoding="utf-8")))


@lru_cache(maxsize=1000)
def capabilities_of(model: str) -> Capabilities | None:
    """Of the model or of the family of a dated snapshot such as gpt-4o-2024-08-06; None for a model
    that OpenAI does not have."""
    models = known_models()
    if model in models:
        return models[model]
    families = [name for name in models if is_snapshot(model, name)]
    return models[max(families, key=len)] if families else None


def is_snapshot(model: str, family: str) -> bool:
    """gpt-4-0613, gpt-4o-2024-08-06, gpt-4-turbo-preview; not gpt-4-something-else."""
    rest = model.removeprefix(f"{family}-")
    return rest != model and (rest.replace("-", "").isdecimal() or rest in ("preview", "latest"))


def warning_of_end(model: str) -> str | None:
    """What to say about a model that ends, or has ended."""
    known = capabilities_of(model)
    if known is None or known.ends is None:
        return None
    return (
        f"model: OpenAI ends {model} on {known.ends.isoformat()}; from then on"
        f" {known.replacement} answers instead"
    )


def replacement_of(model: str) -> str:
    """What is asked when the server does not know the model."""
    known = capabilities_of(model)
    return known.replacement if known else DEFAULT_MODEL
