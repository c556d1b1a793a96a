"""The two businesses of the demo (businesses.toml), and those of a load run."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client with its assistant, as tenant-admin's API takes them."""

    name: str
    phone_number: str
    phone_number_id: str
    assistant_id: str
    instructions: str
    settings: dict[str, Any] = field(default_factory=dict)


DATA = tomllib.loads(Path(__file__).with_name("businesses.toml").read_text(encoding="utf-8"))
LA_PLAZA, SONRISA = DEMO = tuple(DemoClient(**client) for client in DATA["demo"])


def load_client(number: int, quiet_window_ms: int = 0) -> DemoClient:
    """Client `number` of a load run; it answers each message on its own."""
    return DemoClient(
        name=f"Carga {number}",
        phone_number=f"+3490000{number:04d}",
        phone_number_id=f"7990000000{number:04d}",
        assistant_id=f"asst_load_{number:04d}",
        instructions=f"Eres el asistente de Carga {number}. Responde en español.",
        settings={"quiet_window_ms": quiet_window_ms},
    )
