"""What clients use of the model."""

from datetime import date

from pydantic import Field

from common.events.event import Event


class UsageRecorded(Event):
    """A client's calls of one day so far. Sums only grow: the event with more calls counts."""

    day: date = Field(description="In the client's time zone")
    calls: int = Field(ge=1, description="Also those whose answer was not sent")
    unpriced_calls: int = Field(ge=0, description="Of models without a known price: cost nothing")
    input_tokens: int = Field(ge=0)
    cached_tokens: int = Field(ge=0, description="Of the input")
    cache_write_tokens: int = Field(ge=0, description="Of the input")
    output_tokens: int = Field(ge=0)
    reasoning_tokens: int = Field(ge=0, description="Of the output")
    cost_micros: int = Field(ge=0, description="Millionths of a dollar, at list price")
