"""What the emulator is told: who may call, how strict it is, and what to answer when."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from devkit.emulators.openai.models import CATALOGUE, Model


def ignoring_case(pattern: Any) -> Any:
    return re.compile(pattern, re.IGNORECASE) if isinstance(pattern, str) else pattern


Pattern = Annotated[re.Pattern[str], BeforeValidator(ignoring_case)]


def today_utc() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Match:
    """All given conditions must hold. `text` is searched in the user's current messages; as JSON
    it is a pattern that ignores case."""

    model: str | None = None
    instructions: str | None = None
    text: Pattern | None = None
    has_tool_result: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is sent as it is, so that invalid JSON can be sent too."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Rule:
    """An answer when `match` holds; the first that matches wins.

    `answer` may hold {text} (what the user wrote), {name} (the business), {model}.
    `usage` is (input tokens, output tokens) instead of the estimate.
    """

    match: Match = Match()
    answer: str = ""
    tool_call: ToolCall | None = None
    delay_seconds: float = 0.0
    usage: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """`api_keys` empty: any key is accepted, none at all is not."""

    api_keys: frozenset[str] = frozenset()
    house_rules: bool = True
    delay_seconds: float = 0.0
    rules: tuple[Rule, ...] = ()
    models: Mapping[str, Model] = field(default_factory=lambda: CATALOGUE)
    journal_size: int = 1000
    transcript: str = "Hola, ¿qué horario tienen?"
    today: Callable[[], date] = today_utc
