"""What the chat page says, in the reader's language: page_texts.toml."""

import tomllib
from pathlib import Path
from typing import Any

PAGE_TEXTS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("page_texts.toml").read_text(encoding="utf-8")
)
FIRST = "es"


def page_language(chosen: str | None, accepted: str) -> str:
    """`chosen` on the page, else the first known one of the Accept-Language header."""
    browser = (tag.split(";")[0].strip()[:2].lower() for tag in accepted.split(","))
    return next((code for code in (chosen, *browser) if code in PAGE_TEXTS), FIRST)
