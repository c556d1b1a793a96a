"""A template as Graph takes it: what may be sent to who has not written for 24 hours. Pure."""

from typing import Any

from common.events import TenantSettings
from sender.whatsapp.split_text import split_text

# Meta takes 1,024 characters of body with its variables; the rest is for the template's own words.
LONGEST_TEXT = 800
CUT = " …"


def template_content(settings: TenantSettings, text: str) -> dict[str, Any]:
    """The object `template` of a message, with the text where the template takes it."""
    content = {"name": settings.window_template, "language": {"code": language_code(settings)}}
    if not settings.window_template_takes_text:
        return content
    parameter = {"type": "text", "text": variable(text)}
    return content | {"components": [{"type": "body", "parameters": [parameter]}]}


def language_code(settings: TenantSettings) -> str:
    """Meta writes es_ES where `language` is es-ES."""
    return settings.window_template_language or settings.language.replace("-", "_")


def variable(text: str) -> str:
    """On one line, as Meta refuses line breaks, tabs and more than four spaces in a row; cut at a
    word."""
    line = " ".join(text.split())
    first, *rest = split_text(line, LONGEST_TEXT - len(CUT)) or [CUT.strip()]
    return first + CUT if rest else first
