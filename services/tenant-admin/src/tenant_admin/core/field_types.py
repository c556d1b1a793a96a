"""The types of fields that operators send: their form, and what to say of another. Pure."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, LiteralString
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from common.events import OpeningHours
from common.openai_models import DEFAULT_MODEL
from tenant_admin.core.own_words import with_a_letter, with_one_meaning

E164 = r"^\+[1-9][0-9]{7,14}$"
PHONE_NUMBER_ID = r"^[0-9]{5,20}$"
ASSISTANT_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
CONTACT_ID = r"^[A-Za-z0-9.]{1,140}$"
MODEL = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$"
NO_CONTROL = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
TEMPLATE_NAME = r"^[a-z0-9_]{1,512}$"
TEMPLATE_LANGUAGE = r"^[a-z]{2,3}(_[A-Z]{2})?$"
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
ContactId = Annotated[
    str,
    TextPattern(
        CONTACT_ID,
        "is not a contact",
        "write the BSUID, or the phone in digits only, for example 34600111222",
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
TemplateName = Annotated[
    str,
    TextPattern(
        TEMPLATE_NAME,
        "is not a template's name",
        "copy it from WhatsApp Manager: lower case letters, digits and _, at most 512",
    ),
]
TemplateLanguage = Annotated[
    str,
    TextPattern(
        TEMPLATE_LANGUAGE,
        "is not a template's language",
        "write Meta's code of the language that the template has, for example es or es_ES",
    ),
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=256),
    TextPattern(NO_CONTROL, "is empty or holds control characters", "write it on one line"),
]
PlainText = Annotated[
    str, TextPattern(TEXT, "holds control characters", "keep only line breaks and tabs")
]
PersonsText = Annotated[
    PlainText,
    Field(min_length=1, max_length=4096),
    TextPattern(r"(?s).*\S.*", "is empty", "write a text"),
]
LONGEST_CAPTION = 1024  # UTF-16 units, as WhatsApp's apps count


def short_caption(text: str) -> str:
    if len(text.encode("utf-16-le")) > 2 * LONGEST_CAPTION:
        fix = f"write at most {LONGEST_CAPTION} characters (an emoji is two)"
        raise PydanticCustomError("caption", "is too long", {"fix": fix})
    return text


Caption = Annotated[PlainText, AfterValidator(short_caption)]
Instructions = Annotated[PlainText, Field(min_length=1, max_length=256_000)]
Word = Annotated[PlainText, Field(max_length=100), AfterValidator(with_a_letter)]
Words = Annotated[tuple[Word, ...], Field(max_length=50), AfterValidator(with_one_meaning)]


def known_timezone(name: str) -> str:
    if name not in available_timezones():
        fix = "write an IANA name, for example Europe/Madrid or America/Mexico_City"
        raise PydanticCustomError("timezone", "is not a known time zone", {"fix": fix})
    return name


def server_address(url: str) -> str:
    """An https address, or http on this machine; calls of the client's contacts go there."""
    parts = urlsplit(url)
    try:
        port_is_right, host = parts.port != 0, parts.hostname
    except ValueError:
        port_is_right, host = False, None
    if not (port_is_right and host and re.fullmatch(VISIBLE, url)):
        fix = "write for example https://models.example.com/v1"
        raise PydanticCustomError("url", "is not an address", {"fix": fix})
    if parts.username is not None or parts.query or parts.fragment:
        fix = "leave out user, password, query and fragment; a key is set with the client's secret"
        raise PydanticCustomError("url", "holds more than an address", {"fix": fix})
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        fix = "write https://; http is for this machine alone, such as http://127.0.0.1:11434/v1"
        raise PydanticCustomError("url", "is not encrypted", {"fix": fix})
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


ServerAddress = Annotated[str, Field(max_length=512), AfterValidator(server_address)]


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
