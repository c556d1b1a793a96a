"""What operators send, validated. The HTTP API and the command line share these."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, LiteralString
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from common.events import OpeningHours, TenantSettings
from common.events.config import Effort, Verbosity
from common.openai_models import DEFAULT_MODEL
from tenant_admin.core.api_keys import Scope
from tenant_admin.core.own_words import with_a_letter, with_one_meaning

E164 = r"^\+[1-9][0-9]{7,14}$"
PHONE_NUMBER_ID = r"^[0-9]{5,20}$"
ASSISTANT_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
MODEL = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$"
NO_CONTROL = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
VISIBLE = r"^[\x21-\x7e]*$"
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"


@dataclass(frozen=True, slots=True)
class TextPattern:
    """Metadata of a text type: its pattern, and what to say about a text that does not match."""

    pattern: str
    message: LiteralString
    fix: str

    def check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise PydanticCustomError("form", self.message, {"fix": self.fix})
        return text

    def __get_pydantic_core_schema__(self, of: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(of))

    def __get_pydantic_json_schema__(
        self, of: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(of) | {"pattern": self.pattern}


Phone = Annotated[
    str,
    TextPattern(
        E164,
        "is not an international phone number",
        "write + and the country code, digits only, for example +34666777888",
    ),
]
PhoneNumberId = Annotated[
    str,
    TextPattern(
        PHONE_NUMBER_ID,
        "is not a phone number id",
        "copy the 5 to 20 digits from WhatsApp > API Setup in Meta's app dashboard",
    ),
]
AssistantId = Annotated[
    str,
    TextPattern(
        ASSISTANT_ID,
        "is not an assistant id",
        "use letters, digits, _ . and -, at most 128, for example asst_abc123xyz",
    ),
]
Model = Annotated[
    str,
    TextPattern(MODEL, "is not a model name", f"write a model's name, for example {DEFAULT_MODEL}"),
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=256),
    TextPattern(NO_CONTROL, "is empty or holds control characters", "write it on one line"),
]
PlainText = Annotated[
    str, TextPattern(TEXT, "holds control characters", "keep only line breaks and tabs")
]
Instructions = Annotated[PlainText, Field(min_length=1, max_length=256_000)]
Word = Annotated[PlainText, Field(max_length=100), AfterValidator(with_a_letter)]
Words = Annotated[tuple[Word, ...], Field(max_length=50), AfterValidator(with_one_meaning)]


def known_timezone(name: str) -> str:
    if name not in available_timezones():
        fix = "write an IANA name, for example Europe/Madrid or America/Mexico_City"
        raise PydanticCustomError("timezone", "is not a known time zone", {"fix": fix})
    return name


def until_midnight(hours: Any) -> Any:
    """24:00 is how people write the end of a day; a time of day has only 00:00."""
    if not isinstance(hours, list | tuple):
        return hours
    return [
        slot | {"closes": "00:00"} if isinstance(slot, dict) and is_midnight(slot) else slot
        for slot in hours
    ]


def is_midnight(slot: dict[str, Any]) -> bool:
    return slot.get("closes") in ("24:00", "24:00:00")


def without_offsets(hours: tuple[OpeningHours, ...]) -> tuple[OpeningHours, ...]:
    if any(slot.opens.tzinfo or slot.closes.tzinfo for slot in hours):
        fix = "write the times as the clock of the business shows them, for example 09:00"
        raise PydanticCustomError("offset", "has a time with an offset", {"fix": fix})
    return hours


Hours = Annotated[
    tuple[OpeningHours, ...],
    Field(max_length=21),
    BeforeValidator(until_midnight),
    AfterValidator(without_offsets),
]


def header_safe(secret: SecretStr) -> SecretStr:
    """It travels in an HTTP header, where a line break would end it."""
    if not re.fullmatch(VISIBLE, secret.get_secret_value()):
        fix = "copy it again, without spaces or line breaks"
        raise PydanticCustomError("secret", "holds characters no token has", {"fix": fix})
    return secret


class Form(BaseModel):
    """Unknown fields are refused: a misspelt one must not vanish silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


DEFAULTS = TenantSettings()


# With its limits and those of an assistant no event is larger than its topic takes.


class Settings(TenantSettings):
    """The settings of a client at the door: as events carry them, and stricter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    business_hours: Hours = ()
    fallback_text: PlainText = Field(default=DEFAULTS.fallback_text, min_length=1, max_length=1024)
    handoff_words: Words = DEFAULTS.handoff_words
    opt_out_words: Words = DEFAULTS.opt_out_words
    daily_token_budget: int | None = Field(default=None, ge=1, le=10**12)
    timezone: Annotated[str, AfterValidator(known_timezone)] = "Europe/Madrid"
    model: Model | None = Field(default=None, description="Instead of the assistant's model")
    transcription_model: Model = Field(
        default=DEFAULTS.transcription_model,
        description="Of voice notes; off: they are not heard",
    )


class NewClient(Form):
    """A business with one WhatsApp number. It answers at once, with its assistant."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "Restaurante La Plaza",
                "phone_number": "+34666777888",
                "phone_number_id": "631261586727899",
                "assistant_id": "asst_abc123xyz",
                "settings": {"language": "es", "timezone": "Europe/Madrid"},
            }
        }
    )

    name: Name
    phone_number: Phone = Field(description="E.164, with +")
    phone_number_id: PhoneNumberId = Field(description="Meta's id of the number, digits")
    assistant_id: AssistantId = Field(description="Created from a template when it is new")
    settings: Settings = Settings()


class ClientPatch(Form):
    """The fields to change. In `settings`, null puts a setting back to its default."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"settings": {"quiet_window_ms": 2000, "model": None}}}
    )

    name: Name | None = None
    phone_number: Phone | None = None
    phone_number_id: PhoneNumberId | None = None
    assistant_id: AssistantId | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class SecretValue(Form):
    """A secret of a client. It is sealed before it is stored and never shown again."""

    model_config = ConfigDict(json_schema_extra={"example": {"value": "EAAG-example-token"}})

    value: Annotated[SecretStr, AfterValidator(header_safe)] = Field(
        min_length=8, max_length=4096, json_schema_extra={"pattern": VISIBLE}
    )


class AssistantBody(Form):
    """What an assistant is: instructions, a model and how it is called."""

    name: Name
    instructions: Instructions
    model: Model = DEFAULT_MODEL
    reasoning_effort: Effort | None = "none"
    verbosity: Verbosity | None = "low"
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_output_tokens: int = Field(default=800, ge=16, le=128_000)


BODY = {
    "name": "La Plaza",
    "instructions": "You are the assistant of Restaurante La Plaza. Open 13:00-16:00, Tue-Sun.",
    "model": DEFAULT_MODEL,
    "reasoning_effort": "none",
    "verbosity": "low",
}


class NewVersion(AssistantBody):
    """A new version of an assistant; published at once unless `publish` is false."""

    model_config = ConfigDict(json_schema_extra={"example": {**BODY, "publish": True}})

    publish: bool = True


class NewAssistant(AssistantBody):
    """A new assistant, published at once as version 1."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"assistant_id": "asst_abc123xyz", **BODY}}
    )

    assistant_id: AssistantId


class Publish(Form):
    """Which version answers from now on; an older one rolls back."""

    model_config = ConfigDict(json_schema_extra={"example": {"version": 1}})

    version: int = Field(ge=1, le=2_147_483_647)


class NewKey(Form):
    """An API key for a person or a program."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "crm",
                "scopes": ["clients:read", "clients:write"],
                "expires": "2027-12-31T00:00:00Z",
            }
        }
    )

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=20)
    expires: AwareDatetime | None = None
