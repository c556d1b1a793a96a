"""What operators send, validated. The HTTP API and the command line share these."""

from typing import Annotated, Any, Self

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from common.events import TenantSettings
from common.events.config import Effort, Verbosity
from common.openai_models import DEFAULT_MODEL
from tenant_admin.core.field_types import (
    VISIBLE,
    AssistantId,
    Caption,
    ContactId,
    Hours,
    Instructions,
    Language,
    Model,
    Moment,
    Name,
    PersonsText,
    Phone,
    PhoneNumberId,
    PlainText,
    ServerAddress,
    TemplateLanguage,
    TemplateName,
    Timezone,
    Words,
    header_safe,
)
from tenant_admin.core.key_rights import KeyRole, Scope
from tenant_admin.core.own_words import COMMANDS, with_one_meaning


class Form(BaseModel):
    """Unknown fields are refused: a misspelt one must not vanish silently. A number or a boolean in
    quotes is a text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


DEFAULTS = TenantSettings()
MOST_TOKENS, MOST_USD = 10**12, 10**6
ClientNumber = Annotated[int, Field(ge=1, le=2_147_483_647)]


# With its limits and those of an assistant no event is larger than its topic takes.


class Settings(TenantSettings):
    """The settings of a client at the door: as events carry them, and stricter."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    language: Language = DEFAULTS.language
    business_hours: Hours = ()
    fallback_text: PlainText = Field(default=DEFAULTS.fallback_text, min_length=1, max_length=1024)
    disclosure_text: PlainText | None = Field(default=None, max_length=1024)
    closed_text: PlainText | None = Field(default=None, min_length=1, max_length=1024)
    handoff_words: Words = DEFAULTS.handoff_words
    window_template: TemplateName | None = Field(
        default=None,
        description="The template that is sent to who has not written for a day; null: none",
    )
    window_template_language: TemplateLanguage | None = Field(
        default=None, description="Meta's code, such as es_ES; null: that of `language`"
    )
    opt_out_words: Words = DEFAULTS.opt_out_words
    daily_token_budget: int | None = Field(
        default=None,
        ge=1,
        le=MOST_TOKENS,
        description="Days and months are those of the client's time zone",
    )
    monthly_token_budget: int | None = Field(default=None, ge=1, le=MOST_TOKENS)
    contact_daily_token_budget: int | None = Field(
        default=None, ge=1, le=MOST_TOKENS, description="Of each contact"
    )
    daily_budget_usd: float | None = Field(default=None, ge=0.01, le=MOST_USD)
    monthly_budget_usd: float | None = Field(default=None, ge=0.01, le=MOST_USD)
    budget_text: PlainText | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Sent once when a budget is spent; null: that of the client's language",
    )
    timezone: Timezone = DEFAULTS.timezone
    model: Model | None = Field(default=None, description="Instead of the assistant's model")
    transcription_model: Model = Field(
        default=DEFAULTS.transcription_model,
        description="Of voice notes; off: they are not heard",
    )
    openai_base_url: ServerAddress | None = Field(
        default=None, description="The client's own server of the Responses API, with its /v1"
    )

    @field_validator(*COMMANDS)
    @classmethod
    def have_one_meaning(cls, words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return with_one_meaning(words, info)


def nullable(field: FieldInfo) -> tuple[Any, Any]:
    """A setting's field where it may be absent, or null."""
    taken: Any = (
        Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    )
    return taken | None, Field(default=None, description=field.description)


PATCH_FIELDS: dict[str, Any] = {
    name: nullable(field) for name, field in Settings.model_fields.items()
}
SettingsPatch = create_model(
    "SettingsPatch",
    __base__=Form,
    __doc__="The settings to change; null puts one back to its default.",
    **PATCH_FIELDS,
)


class PatchedSettings:
    """Metadata: an object of a SettingsPatch as it was given. How the settings go together is
    checked with the client's own."""

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler.generate_schema(SettingsPatch)
        return no_info_after_validator_function(as_given, schema)


def as_given(patch: BaseModel) -> dict[str, Any]:
    return patch.model_dump(mode="json", exclude_unset=True)


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
    """The fields to change. In `settings`, null puts a setting back to its default; other fields
    have none."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"settings": {"quiet_window_ms": 2000, "model": None}}}
    )

    name: Name | MISSING = MISSING
    phone_number: Phone | MISSING = MISSING
    phone_number_id: PhoneNumberId | MISSING = MISSING
    assistant_id: AssistantId | MISSING = MISSING
    settings: Annotated[dict[str, Any], PatchedSettings()] = Field(default_factory=dict)


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


class TakeOver(Form):
    """How long a person has the conversation."""

    model_config = ConfigDict(json_schema_extra={"example": {"minutes": 120}})

    minutes: int | None = Field(
        default=None,
        ge=0,
        le=525_600,
        description="0: until it is resumed; absent: the client's handover_minutes",
    )


class Say(Form):
    """What a person writes to the contact."""

    model_config = ConfigDict(json_schema_extra={"example": {"text": "Soy Marta. ¿Le ayudo?"}})

    text: PersonsText


class SayFile(Form):
    """What a person writes below a file."""

    caption: Caption | None = None


class ContactOf(Form):
    """A contact as an argument of the command line."""

    contact: ContactId


class NewKey(Form):
    """An API key for a person or a program: with a role, or with scopes; of some clients or all."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "crm",
                "role": "editor",
                "clients": [7],
                "expires": "2027-12-31T00:00:00Z",
            }
        }
    )

    name: Name
    role: KeyRole | None = Field(
        default=None,
        description="viewer: reads. agent: reads clients, and takes conversations over. editor:"
        " changes clients and assistants too. administrator: everything",
    )
    scopes: list[Scope] | None = Field(
        default=None, min_length=1, max_length=20, description="Instead of a role"
    )
    clients: list[ClientNumber] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Ids: what is of others is not there for the key; null: all clients",
    )
    expires: Moment | None = Field(default=None, description="Within two years; null: never")

    @model_validator(mode="after")
    def has_a_role_or_scopes(self) -> Self:
        if (self.role is None) == (self.scopes is None):
            fix = {"fix": "give one of the two"}
            raise PydanticCustomError("rights", "needs either a role or scopes", fix)
        return self
