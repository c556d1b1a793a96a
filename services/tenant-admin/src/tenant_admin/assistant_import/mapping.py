"""From an exported assistant or prompt to a version of ours. Pure; nothing in it is executed.

Understands the Assistant object (`beta.assistants` of openai-python 3.54), the arguments of
`responses.create` as a dict, and Langfuse's prompt ({name, prompt, config}).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from common.events.config import Effort, Verbosity
from common.lenient_json import at, integer_at, list_at, object_at, objects_at
from common.openai_models import DEFAULT_MODEL
from tenant_admin.assistant_import.tools import response_format_of, tools_of
from tenant_admin.core.assistant_template import assistant_from_template
from tenant_admin.core.changes import digest
from tenant_admin.core.field_types import ASSISTANT_ID, on_one_line
from tenant_admin.core.import_source import ImportSource
from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import NewAssistant

Json = Mapping[str, Any]
RULES = ("system", "developer")
VARIABLE = re.compile(r"\{\{\s*[\w.]{1,64}\s*\}\}")
NAME_LENGTH = 256


@dataclass(slots=True)
class ImportWarnings:
    """Warnings in the order they come up."""

    texts: list[str] = field(default_factory=list)

    def add(self, about: str, what: str) -> None:
        self.texts.append(f"{about}: {what}")


def translate(item: Any) -> tuple[NewAssistant, ImportSource]:
    """Raises RequestRefused when the item cannot become an assistant."""
    if not isinstance(item, dict):
        refuse(422, "item", "is not an object", "export whole assistants")
    if "export_schema" in item or str(item.get("object", "")).startswith("thread"):
        refuse(422, "item", "is a thread, not an assistant", "leave it out")
    warnings = ImportWarnings()
    data = flatten_prompt(item)
    tools = tools_of(data, warnings.add)
    response_format = response_format_of(data, warnings.add)
    form = parsed(NewAssistant, fields_of(data, item, warnings))
    source = ImportSource(item, digest(item), tools, response_format, tuple(warnings.texts))
    return form, source


def flatten_prompt(item: Json) -> dict[str, Any]:
    """Langfuse keeps the call's arguments in `config` and the messages in `prompt`."""
    data = dict(item)
    if isinstance(item.get("prompt"), str | list):
        data = {**object_at(item, "config"), "name": item.get("name")}
        data["input"] = item["prompt"]
        if isinstance(item["prompt"], str):
            data["instructions"] = item["prompt"]
    return data


def fields_of(data: Json, item: Json, warnings: ImportWarnings) -> dict[str, Any]:
    assistant_id = id_of(data, item)
    name = name_of(data, assistant_id, warnings)
    return {
        "assistant_id": assistant_id,
        "name": name,
        "instructions": instructions_of(data, name, warnings),
        "model": model_of(data, warnings),
        "reasoning_effort": effort_of(data, warnings),
        "verbosity": verbosity_of(data, warnings),
        "temperature": number_of(data, "temperature", 2, warnings),
        "top_p": number_of(data, "top_p", 1, warnings),
        "max_output_tokens": output_tokens_of(data, warnings),
    }


def id_of(data: Json, item: Json) -> str:
    """asst_ and pmpt_ ids stay; without one, the name gives an id that the next export shares."""
    for candidate in (data.get("id"), data.get("assistant_id"), at(data, "prompt", "id")):
        if isinstance(candidate, str) and re.fullmatch(ASSISTANT_ID, candidate):
            return candidate
    return f"asst_{digest(['import', item.get('name') or item])[:24]}"


def name_of(data: Json, assistant_id: str, warnings: ImportWarnings) -> str:
    given = data.get("name")
    name = on_one_line(given) if isinstance(given, str) else ""
    if len(name) > NAME_LENGTH:
        warnings.add("name", f"cut to {NAME_LENGTH} characters")
    return name[:NAME_LENGTH].strip() or assistant_id


def instructions_of(data: Json, name: str, warnings: ImportWarnings) -> str:
    given = data.get("instructions")
    parts = [given] if isinstance(given, str) and given.strip() else rules_in(data, warnings)
    if not parts:
        warnings.add("instructions", "there are none; the template was used")
        return assistant_from_template(name, "es").instructions
    text = "\n\n".join(parts)
    if variables := sorted(set(VARIABLE.findall(text))):
        warnings.add("instructions", f"variables are not filled in: {', '.join(variables)}")
    return text


def rules_in(data: Json, warnings: ImportWarnings) -> list[str]:
    """The system and developer messages of a prompt; its example dialogue is left out."""
    prompt = data.get("input")
    if isinstance(prompt, str):
        return [prompt] if prompt.strip() else []
    texts = [(message.get("role"), text_of(message)) for message in objects_at(data, "input")]
    if examples := sum(role not in RULES for role, _ in texts):
        warnings.add("input", f"{examples} messages that are not instructions were left out")
    return [text for role, text in texts if role in RULES and text.strip()]


def text_of(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = (at(part, "text") for part in list_at(message, "content"))
    return "\n".join(part for part in parts if isinstance(part, str))


def model_of(data: Json, warnings: ImportWarnings) -> str:
    model = data.get("model")
    if not isinstance(model, str) or not model:
        warnings.add("model", f"not given; {DEFAULT_MODEL} is used")
        return DEFAULT_MODEL
    return model


def effort_of(data: Json, warnings: ImportWarnings) -> str:
    effort = data.get("reasoning_effort") or at(data, "reasoning", "effort")
    if effort is None:
        return "none"
    if effort not in get_args(Effort):
        warnings.add("reasoning_effort", "not known to current models; low is used")
        return "low"
    return str(effort)


def verbosity_of(data: Json, warnings: ImportWarnings) -> str:
    verbosity = data.get("verbosity") or at(data, "text", "verbosity")
    if verbosity is not None and verbosity not in get_args(Verbosity):
        warnings.add("verbosity", "not known; low is used")
        return "low"
    return str(verbosity or "low")


def number_of(data: Json, name: str, most: float, warnings: ImportWarnings) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
        return float(value)
    warnings.add(name, f"is not between 0 and {most}; left out")
    return None


def output_tokens_of(data: Json, warnings: ImportWarnings) -> int:
    tokens = integer_at(data, "max_output_tokens")
    if tokens is not None and 16 <= tokens <= 128_000:
        return tokens
    if data.get("max_output_tokens") is not None:
        warnings.add("max_output_tokens", "is not between 16 and 128000; 800 is used")
    return 800
