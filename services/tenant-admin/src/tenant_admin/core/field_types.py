"""The types of fields that operators send: their form, and what to say of another. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from ipaddress import ip_address
from typing import Annotated, Any, LiteralString
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import (
    no_info_after_validator_function,
    no_info_before_validator_function,
)

from common.events import OpeningHours
from common.openai_models import DEFAULT_MODEL
from tenant_admin.core.languages import FIX, known_language
from tenant_admin.core.own_words import with_a_letter

E164 = r"^\+[1-9][0-9]{7,14}$"
PHONE_NUMBER_ID = r"^[0-9]{5,20}$"
ASSISTANT_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
CONTACT_ID = r"^[A-Za-z0-9.]{1,140}$"
MODEL = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$"
# C0 and C1, what ends a line, and what turns the direction of the text around it.
CONTROL = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
CONTROLS = re.compile(rf"[{CONTROL}]+")
NO_CONTROL = rf"^[^{CONTROL}]*[^ {CONTROL}][^{CONTROL}]*$"
TEMPLATE_NAME = r"^[a-z0-9_]{1,512}$"
TEMPLATE_LANGUAGE = r"^[a-z]{2,3}(_[A-Z]{2})?$"
VISIBLE = r"^[\x21-\x7e]*$"
# Marks of direction (U+200E, U+200F, U+061C) are needed in Arabic and Hebrew; they turn nothing.
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
CLOCK_OR_MIDNIGHT = r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$"
LONGEST_TIMEZONE = 64


def on_one_line(text: str) -> str:
    """As a Name may be; empty when nothing is left."""
    return CONTROLS.sub(" ", text).strip()


@dataclass(frozen=True, slots=True)
class TextPattern:
    """Metadata of a text type: its pattern, and what to say about a text that does not match.

    `longest`: characters; None where the field says it.
    """

    pattern: str
    message: LiteralString
    fix: str
    longest: int | None = None

    def check(self, text: str) -> str:
        too_long = self.longest is not None and len(text) > self.longest
        if too_long or not re.fullmatch(self.pattern, text):
            raise PydanticCustomError("form", self.message, {"fix": self.fix})
        return text

    def __get_pydantic_core_schema__(self, of: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(of))

    def __get_pydantic_json_schema__(
        self, of: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        longest = {} if self.longest is None else {"maxLength": self.longest}
        return handler(of) | {"pattern": self.pattern} | longest


Phone = Annotated[
    str,
    TextPattern(
        E164,
        "is not an international phone number",
        "write + and the country code, digits only, for example +34666777888",
        longest=16,
    ),
]
PhoneNumberId = Annotated[
    str,
    TextPattern(
        PHONE_NUMBER_ID,
        "is not a phone number id",
        "copy the 5 to 20 digits from WhatsApp > API Setup in Meta's app dashboard",
        longest=20,
    ),
]
ContactId = Annotated[
    str,
    TextPattern(
        CONTACT_ID,
        "is not a contact",
        "write the BSUID, or the phone in digits only, for example 34600111222",
        longest=140,
    ),
]
AssistantId = Annotated[
    str,
    TextPattern(
        ASSISTANT_ID,
        "is not an assistant id",
        "use letters, digits, _ . and -, at most 128, for example asst_abc123xyz",
        longest=128,
    ),
]
Model = Annotated[
    str,
    TextPattern(
        MODEL,
        "is not a model name",
        f"write a model's name, for example {DEFAULT_MODEL}",
        longest=128,
    ),
]
TemplateName = Annotated[
    str,
    TextPattern(
        TEMPLATE_NAME,
        "is not a template's name",
        "copy it from WhatsApp Manager: lower case letters, digits and _, at most 512",
        longest=512,
    ),
]
TemplateLanguage = Annotated[
    str,
    TextPattern(
        TEMPLATE_LANGUAGE,
        "is not a template's language",
        "write Meta's code of the language that the template has, for example es or es_ES",
        longest=6,
    ),
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=256),
    TextPattern(
        NO_CONTROL,
        "is empty or holds control characters",
        "write it on one line, without characters that turn the text's direction",
    ),
]
PlainText = Annotated[
    str,
    TextPattern(
        TEXT,
        "holds control characters",
        "keep only line breaks and tabs, and no characters that turn the text's direction",
    ),
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
Words = Annotated[tuple[Word, ...], Field(max_length=50, strict=False)]
Language = Annotated[
    str,
    TextPattern(r"^[a-z]{2}(-[A-Z]{2})?$", "is not a language", FIX, longest=5),
    AfterValidator(known_language),
]


def known_timezone(name: str) -> str:
    if name not in available_timezones():
        fix = "write an IANA name, for example Europe/Madrid or America/Mexico_City"
        raise PydanticCustomError("timezone", "is not a known time zone", {"fix": fix})
    return name


Timezone = Annotated[str, Field(max_length=LONGEST_TIMEZONE), AfterValidator(known_timezone)]


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


@dataclass(frozen=True, slots=True)
class TimePattern(TextPattern):
    """Metadata of a time of day that is written as a text."""

    longest: int = 8

    def time_of(self, clock: Any) -> Any:
        """24:00 is how people write the end of a day; a time of day has only 00:00."""
        if isinstance(clock, time):
            return clock
        text = self.check(clock if isinstance(clock, str) else "")
        return time(0) if text.startswith("24") else time.fromisoformat(text)

    def __get_pydantic_core_schema__(self, of: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self.time_of, handler(of))

    def __get_pydantic_json_schema__(
        self, of: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern, "maxLength": self.longest}


NO_TIME = ("is not a time of day", "write it as the clock of the business shows it, such as 09:00")


class Opening(OpeningHours):
    """An opening as operators write it. One that closes at or before it opens goes on into the next
    day."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    opens: Annotated[time, TimePattern(CLOCK, *NO_TIME)]
    closes: Annotated[time, TimePattern(CLOCK_OR_MIDNIGHT, *NO_TIME)]


Hours = Annotated[tuple[Opening, ...], Field(max_length=21, strict=False)]


def written_moment(value: Any) -> Any:
    """A number would be taken for seconds since 1970."""
    if not isinstance(value, str | datetime) or (isinstance(value, str) and "-" not in value[1:]):
        fix = "write a moment such as 2027-01-31T00:00:00Z"
        raise PydanticCustomError("moment", "is not a moment", {"fix": fix})
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(written_moment)]


def header_safe(secret: SecretStr) -> SecretStr:
    """It travels in an HTTP header, where a line break would end it."""
    if not re.fullmatch(VISIBLE, secret.get_secret_value()):
        fix = "copy it again, without spaces or line breaks"
        raise PydanticCustomError("secret", "holds characters no token has", {"fix": fix})
    return secret
