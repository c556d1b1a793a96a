"""A tool of the model: it hands the conversation to a person. Pure.

A call ends the turn: there is no result that the model waits for, and so no loop of calls.
"""

from typing import Any

from assistant.openai.clean import clean
from assistant.openai.tool_calls import NO_CALL, arguments_of
from common.lenient_json import at

NAME = "hand_over"
LONGEST_REASON = 200
# A strict schema: https://developers.openai.com/api/docs/guides/function-calling.md
HANDOVER_TOOL: dict[str, Any] = {
    "type": "function",
    "name": NAME,
    "description": (
        "Hands the conversation to a person of the business, who answers from then on. Use it when"
        " the customer asks for a person, complains seriously, or needs what only people of the"
        " business can do or know. The customer is told by the system."
    ),
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "For the person: why, in a few words"}
        },
        "required": ["reason"],
        "additionalProperties": False,
    },
}


def handover_reason(body: object) -> str | None:
    """Why the model hands over, "" where it does not say; None where it does not hand over."""
    arguments = arguments_of(body, NAME)
    if arguments is NO_CALL:
        return None
    reason = at(arguments, "reason")
    return clean(reason)[:LONGEST_REASON] if isinstance(reason, str) else ""
