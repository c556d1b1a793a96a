"""What a list of input items says: who wrote what, and what is still unanswered."""

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from devkit.emulators.openai.files import GivenFile, files_in

Item = dict[str, Any]
LEDGER_TOKEN = re.compile(r"\[\[ledger:[^\]\s]+\]\]")


def current_texts(items: list[Item]) -> list[str]:
    """The user's messages since the assistant last spoke, in order."""
    newest = takewhile(lambda item: item.get("role") != "assistant", reversed(items))
    return list(user_texts([*newest][::-1]))


def user_texts(items: list[Item]) -> Iterator[str]:
    return (text_of(item) for item in items if item.get("role") == "user")


def developer_text(items: list[Item]) -> str:
    """Instructions that came as developer or system messages."""
    return "\n".join(text_of(item) for item in items if item.get("role") in ("developer", "system"))


def has_current_tool_result(items: list[Item]) -> bool:
    """Whether the newest item is a tool's result, that is, the model is asked to go on."""
    return bool(items) and items[-1].get("type") == "function_call_output"


def tool_results(items: list[Item]) -> list[str]:
    """Outputs of the tools called since the last message."""
    newest = [*takewhile(lambda item: "role" not in item, reversed(items))][::-1]
    return [str(item["output"]) for item in newest if item.get("type") == "function_call_output"]


def current_files(items: list[Item]) -> list[GivenFile]:
    """Sent since the assistant last spoke."""
    newest = takewhile(lambda item: item.get("role") != "assistant", reversed(items))
    return [file for item in [*newest][::-1] for file in files_in(item.get("content"))]


def text_of(item: Item) -> str:
    """Also what its files say."""
    content = item.get("content") or ""
    if isinstance(content, str):
        return content
    written = [part["text"] for part in content if "text" in part]
    return "\n".join([*written, *(file.text for file in files_in(content) if file.text)])


def ledger_tokens(texts: list[str]) -> list[str]:
    return [token for text in texts for token in LEDGER_TOKEN.findall(text)]
