"""What every event carries, and its one wire format: UTF-8 JSON of a frozen Pydantic model."""

from typing import ClassVar, Self
from uuid import NAMESPACE_URL, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

NAMESPACE = uuid5(NAMESPACE_URL, "conserje:events")


class Undecodable(ValueError):
    """A record that will never be an event of its topic; the message says which field and why."""


class Event(BaseModel):
    """Frozen, additive-only: new fields are optional, anything else is a V2 beside it.

    Unknown fields are ignored, so consumers are deployed first.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    major: ClassVar[int] = 1

    event_id: str = Field(description="Unique per fact: a re-published fact keeps its id")
    trace_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="W3C trace id of the webhook")
    tenant_id: int = Field(ge=1, description="clients.id")
    occurred_at: AwareDatetime
    schema_version: int = 1

    def encode(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """Raises Undecodable, naming the first wrong field, never showing its content."""
        try:
            event = cls.model_validate_json(value or b"")
        except ValidationError as error:
            raise Undecodable(first_error(error)) from None
        if event.schema_version != cls.major:
            raise Undecodable(f"schema_version: {event.schema_version} is not {cls.major}")
        return event


def event_id(*facts: object) -> str:
    """A deterministic id: the same fact, published twice, has the same id."""
    return str(uuid5(NAMESPACE, "|".join(map(str, facts))))


def conversation_key(phone_number_id: str, contact_id: str) -> str:
    """The Kafka key that keeps one contact's messages with one client in order."""
    return f"{phone_number_id}:{contact_id}"


def first_error(error: ValidationError) -> str:
    detail = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(map(str, detail["loc"])) or "record"
    return f"{field}: {detail['msg']}"
