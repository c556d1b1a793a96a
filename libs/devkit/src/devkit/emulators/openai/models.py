"""The models the emulator knows, with what each accepts: models.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from devkit.emulators.openai.refusals import Refused


@dataclass(frozen=True, slots=True)
class Model:
    """`efforts` empty: not a reasoning model. `shutdown`: first day it is refused."""

    efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    shutdown: date | None = None
    audio: bool = False

    def is_over(self, today: date) -> bool:
        return self.shutdown is not None and self.shutdown <= today


def model_of(families: Mapping[str, Any], family: str, **own: Any) -> Model:
    """A model's own values go before its family's."""
    values = families[family] | own
    return Model(**values | {"efforts": tuple(values.get("efforts", ()))})


DATA = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
CATALOGUE: Mapping[str, Model] = {
    name: model_of(DATA["families"], **values) for name, values in DATA["models"].items()
}


def find_model(models: Mapping[str, Model], name: str, *, audio: bool, today: date) -> Model:
    """The model, or Refused with 404 when unknown, shut down or of the other endpoint."""
    model = models.get(name)
    if model is None or model.audio != audio:
        raise Refused("no_model", "model", model=name)
    if model.is_over(today):
        raise Refused("model_is_over", "model", model=name, shutdown=model.shutdown)
    return model
