"""What a version keeps of the export that it came from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Where an imported version came from; `hash` recognises the same file again."""

    raw: Any
    hash: str
    tools: tuple[dict[str, Any], ...] = ()
    response_format: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()


NO_SOURCE = ImportSource(None, "")
