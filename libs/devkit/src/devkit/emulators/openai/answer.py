"""Decides what the model answers to a checked request: a rule's answer, a tool call, or the
demo assistant's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from devkit.emulators.openai import demo_assistant
from devkit.emulators.openai.business import read_business
from devkit.emulators.openai.config import Match, Rule, ToolCall
from devkit.emulators.openai.conversation import (
    current_files,
    current_texts,
    developer_text,
    has_current_tool_result,
    ledger_tokens,
    tool_results,
    user_texts,
)
from devkit.emulators.openai.files import GivenFile
from devkit.emulators.openai.phrases import ASKED_PERSON, HANDOVER_TOOL, PHRASES
from devkit.emulators.openai.text import output_format
from devkit.emulators.openai.validate import Request


@dataclass(frozen=True, slots=True)
class Answer:
    """One of text, refusal or tool_call; all empty is a model that said nothing."""

    text: str = ""
    refusal: str = ""
    tool_call: ToolCall | None = None
    delay_seconds: float = 0.0
    usage: tuple[int, int] | None = None


def decide(request: Request, rules: Sequence[Rule]) -> Answer:
    current = current_texts(request.items)
    text = "\n".join(current)
    for rule in rules:
        if matches(rule.match, request, text):
            return from_rule(rule, request, text, current)
    call = tool_to_call(request, text)
    if call:
        return Answer(tool_call=call)
    return Answer(text=in_format(request, with_tokens(spoken(request, current), current)))


def matches(match: Match, request: Request, text: str) -> bool:
    return (
        (match.model is None or match.model == request.model)
        and (match.instructions is None or match.instructions in request.instructions)
        and (match.text is None or match.text.search(text) is not None)
        and match.has_tool_result in (None, has_current_tool_result(request.items))
    )


def from_rule(rule: Rule, request: Request, text: str, current: list[str]) -> Answer:
    name = read_business(request.instructions).name
    filled = rule.answer.replace("{name}", name).replace("{model}", request.model)
    filled = filled.replace("{text}", text)
    return Answer(
        text="" if rule.tool_call else with_tokens(filled, current),
        tool_call=rule.tool_call,
        delay_seconds=rule.delay_seconds,
        usage=rule.usage,
    )


def with_tokens(text: str, current: list[str]) -> str:
    """Every ledger token of the current messages is in the answer, so that a ledger can match."""
    absent = [token for token in ledger_tokens(current) if token not in text]
    return " ".join((text, *absent)).strip()


def spoken(request: Request, current: list[str]) -> str:
    instructions = request.instructions or developer_text(request.items)
    phrases = PHRASES[read_business(instructions).language]
    if ledger_tokens(current):
        return phrases["received"]
    results = tool_results(request.items)
    if results:
        return "\n\n".join((phrases["tool"], *results))
    files = current_files(request.items)
    history, otherwise = list(user_texts(request.items)), "file_ask" if files else "unknown"
    said = demo_assistant.reply(instructions, current, history, otherwise)
    return "\n\n".join((*shown(files, phrases), said))


def shown(files: Sequence[GivenFile], phrases: Mapping[str, str]) -> list[str]:
    """That it has them, and what they say."""
    return [
        phrases["document" if file.name else "photo"].replace("{file}", file.name or "")
        + (f" «{file.text}»" if file.text else "")
        for file in files
    ]


def tool_to_call(request: Request, text: str) -> ToolCall | None:
    """The tool that tool_choice demands, or a hand-over tool when the user asks for a person."""
    functions = [tool for tool in request.tools if tool.get("type") == "function"]
    if not functions or has_current_tool_result(request.items) or request.tool_choice == "none":
        return None
    demanded = demanded_tool(request.tool_choice, functions)
    if demanded is None and ASKED_PERSON.search(text):
        demanded = next((tool for tool in functions if HANDOVER_TOOL.search(tool["name"])), None)
    if demanded is None:
        return None
    arguments = example(demanded.get("parameters") or {}, text)
    return ToolCall(demanded["name"], orjson.dumps(arguments).decode())


def demanded_tool(choice: Any, functions: list[dict[str, Any]]) -> dict[str, Any] | None:
    if choice == "required":
        return functions[0]
    if isinstance(choice, dict):
        return next((tool for tool in functions if tool["name"] == choice.get("name")), None)
    return None


def in_format(request: Request, text: str) -> str:
    chosen = output_format(request.raw)
    if chosen["type"] == "text":
        return text
    schema = chosen.get("schema", {"properties": {"answer": {"type": "string"}}})
    return orjson.dumps(example(schema, text)).decode()


def example(schema: dict[str, Any], text: str) -> Any:
    """The plainest value a JSON schema allows; strings are `text`."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: example(inner, text) for key, inner in properties.items()}
    plain: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "array": [], "null": None}
    return plain.get(kind, text)
