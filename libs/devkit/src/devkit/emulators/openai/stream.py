"""A finished Response as the server-sent events in which the API would have streamed it."""

from collections.abc import Iterator
from typing import Any

import orjson

Event = dict[str, Any]
DELTA_CHARACTERS = 24
IN_PROGRESS: Event = {"status": "in_progress", "output": [], "usage": None, "completed_at": None}


def encode_stream(response: dict[str, Any]) -> Iterator[bytes]:
    """Numbered from 0; ends with response.<status>."""
    for number, event in enumerate(events_of(response)):
        data = orjson.dumps({**event, "sequence_number": number})
        yield b"event: " + event["type"].encode() + b"\ndata: " + data + b"\n\n"


def events_of(response: dict[str, Any]) -> Iterator[Event]:
    begun = {**response, **IN_PROGRESS, "error": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        yield from item_events(index, item)
    yield {"type": f"response.{response['status']}", "response": response}


def item_events(index: int, item: dict[str, Any]) -> Iterator[Event]:
    place = {"output_index": index}
    inside = {**place, "item_id": item["id"]}
    yield {"type": "response.output_item.added", **place, "item": unfinished(item)}
    if item["type"] == "message":
        yield from part_events({**inside, "content_index": 0}, item["content"][0])
    elif item["type"] == "function_call":
        yield from pieces("response.function_call_arguments", "arguments", inside, item)
    yield {"type": "response.output_item.done", **place, "item": item}


def unfinished(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] == "message":
        return {**item, "status": "in_progress", "content": []}
    if item["type"] == "function_call":
        return {**item, "status": "in_progress", "arguments": ""}
    return item


def part_events(inside: Event, part: dict[str, Any]) -> Iterator[Event]:
    key = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if key == "refusal" else "response.output_text"
    yield {"type": "response.content_part.added", **inside, "part": {**part, key: ""}}
    yield from pieces(name, key, inside, part)
    yield {"type": "response.content_part.done", **inside, "part": part}


def pieces(name: str, key: str, inside: Event, whole: dict[str, Any]) -> Iterator[Event]:
    text = whole[key]
    extra: Event = {"logprobs": []} if name == "response.output_text" else {}
    for start in range(0, len(text), DELTA_CHARACTERS):
        delta = text[start : start + DELTA_CHARACTERS]
        yield {"type": f"{name}.delta", **inside, **extra, "delta": delta}
    yield {"type": f"{name}.done", **inside, **extra, key: text}
