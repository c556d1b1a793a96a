"""Every parameter of a request with its check: openai-python's types, and what they do not say."""

from typing import Annotated, Any, TypedDict, get_type_hints

from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import Field

from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.shapes import Check, Shape
from devkit.emulators.openai.text import check_text
from devkit.emulators.openai.tools import check_tools

MetadataKey = Annotated[str, Field(max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class Bounded(TypedDict, total=False):
    """Any: checked by its own module once the other parameters are known."""

    model: str
    stream: bool | None
    max_output_tokens: Annotated[int, Field(ge=16)] | None
    max_tool_calls: Annotated[int, Field(ge=1)] | None
    temperature: Annotated[float, Field(ge=0, le=2)] | None
    top_p: Annotated[float, Field(ge=0, le=1)] | None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)] | None
    safety_identifier: Annotated[str, Field(max_length=128)] | None
    prompt_cache_key: Annotated[str, Field(max_length=64)] | None
    input: Any
    tool_choice: Any
    conversation: Any
    prompt: Any


BOOLEAN = Shape(bool | None)


def check_background(param: str, value: Any) -> None:
    BOOLEAN(param, value)
    if value:
        raise Refused("background", param)


TYPES = get_type_hints(ResponseCreateParamsBase) | get_type_hints(Bounded, include_extras=True)
CHECKED_HERE: dict[str, Check] = {
    "background": check_background,
    "text": check_text,
    "tools": check_tools,
}
PARAMETERS: dict[str, Check] = {name: Shape(of) for name, of in TYPES.items()} | CHECKED_HERE
