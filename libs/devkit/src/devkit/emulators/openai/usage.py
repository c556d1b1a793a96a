"""Tokens, estimated: four characters each, and so many for reasoning by effort."""

from dataclasses import replace
from typing import Any

from devkit.emulators.openai.answer import Answer
from devkit.emulators.openai.validate import Request

REASONING_TOKENS = {
    "minimal": 8,
    "low": 16,
    "medium": 64,
    "high": 256,
    "xhigh": 512,
    "max": 1024,
}
CHARACTERS_PER_TOKEN = 4


def cut_to_fit(answer: Answer, limit: int | None, reasoning: int) -> Answer:
    """The same object when it fits."""
    spoken = spoken_by(answer)
    if limit is None or reasoning + tokens_in(spoken) <= limit:
        return answer
    room = max(0, limit - reasoning) * CHARACTERS_PER_TOKEN
    return replace(answer, text=answer.text[:room], refusal="", tool_call=None)


def spoken_by(answer: Answer) -> str:
    return answer.tool_call.arguments if answer.tool_call else answer.text or answer.refusal


def usage_of(request: Request, answer: Answer, reasoning: int) -> dict[str, Any]:
    """A plain estimate, four characters a token, unless the rule says otherwise."""
    counted = answer.usage or (
        tokens_in(request.instructions) + sum(map(weight, request.items)),
        tokens_in(spoken_by(answer)) + reasoning,
    )
    return {
        "input_tokens": counted[0],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": counted[1],
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": sum(counted),
    }


def tokens_in(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def weight(item: dict[str, Any]) -> int:
    """Tokens of one input item; an image or a file counts as 256."""
    content = item.get("content") or item.get("output") or item.get("arguments") or ""
    if isinstance(content, str):
        return tokens_in(content)
    return sum(tokens_in(part["text"]) if "text" in part else 256 for part in content)
