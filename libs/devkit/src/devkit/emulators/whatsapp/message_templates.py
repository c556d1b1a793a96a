"""The templates of an account, and what Meta checks when a message names one. Pure.

Codes: Meta's error-codes page. Templates are of all numbers; variables are positional.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devkit.emulators.whatsapp.errors import GraphError

Json = dict[str, Any]
VARIABLE = re.compile(r"\{\{[0-9]+\}\}")
NOT_IN_A_VARIABLE = re.compile(r"[\n\t]| {5}")
LONGEST_BODY = 1024


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """body: with {{1}}, {{2}}... where its variables stand. paused: Meta takes it no more."""

    name: str
    language: str
    body: str
    paused: bool = False


class MessageTemplates:
    def __init__(self) -> None:
        self._templates: dict[tuple[str, str], MessageTemplate] = {}

    def add(self, template: MessageTemplate) -> None:
        self._templates[template.name, template.language] = template

    def text_of(self, content: Json) -> str:
        """What the contact reads. content: the object `template` of a checked message. Raises
        GraphError: there is no such template, or it cannot be sent so."""
        name, language = content["name"], content["language"]["code"]
        template = self._templates.get((name, language))
        if template is None:
            raise GraphError(132001, f"Template name ({name}) does not exist in {language}")
        if template.paused:
            raise GraphError(132015, "Template is paused")
        return filled(template.body, variables(content.get("components", ())))


def variables(components: Iterable[Json]) -> list[str]:
    return [
        str(parameter.get("text", ""))
        for component in components
        if component.get("type") == "body"
        for parameter in component.get("parameters", ())
    ]


def filled(body: str, texts: list[str]) -> str:
    if len(texts) != len(VARIABLE.findall(body)):
        raise GraphError(132000, "Number of parameters does not match the expected number")
    if any(not text or NOT_IN_A_VARIABLE.search(text) for text in texts):
        raise GraphError(132018, "Param text cannot have new-lines, tabs or more than 4 spaces")
    left = iter(texts)
    text = VARIABLE.sub(lambda _: next(left), body)
    if len(text) > LONGEST_BODY:
        raise GraphError(132005, "Translated text too long")
    return text
