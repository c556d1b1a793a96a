"""Clients and assistants as the services see them: values of the two compacted topics."""

from datetime import time
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from common.events.event import Event

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Verbosity = Literal["low", "medium", "high"]
NO_TRANSCRIPTION = "off"
DEFAULT_FALLBACK_TEXT = "Ahora mismo no puedo responder. Le contestaremos lo antes posible."


class OpeningHours(BaseModel):
    """One opening of the week; a business that closes at noon has two a day."""

    model_config = ConfigDict(frozen=True)

    weekday: int = Field(ge=1, le=7, description="ISO: 1 is Monday")
    opens: time
    closes: time


class TenantSettings(BaseModel):
    """What an operator can set per client. Every field has a default that works."""

    model_config = ConfigDict(frozen=True)

    language: str = Field(default="es", pattern=r"^[a-z]{2}(-[A-Z]{2})?$")
    timezone: str = "Europe/Madrid"
    quiet_window_ms: int = Field(default=1200, ge=0, le=60_000)
    business_hours: tuple[OpeningHours, ...] = ()
    fallback_text: str = Field(
        default=DEFAULT_FALLBACK_TEXT,
        min_length=1,
        max_length=1024,
        description="The default stands for the same in the client's language",
    )
    disclosure_text: str | None = Field(
        default=None,
        max_length=1024,
        description="Before the first answer of a conversation: that an AI answers. null: in the"
        " client's language; empty: none",
    )
    closed_text: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Said once each time that the business is closed by its business_hours",
    )
    closed_mode: Literal["model", "silence"] = Field(
        default="model", description="Who answers while the business is closed"
    )
    stale_minutes: int = Field(
        default=30, ge=1, le=1380, description="From then on an answer comes late"
    )
    stale_mode: Literal["model", "text", "silence"] = Field(
        default="model",
        description="What answers a message that is older: the model with an apology, an apology",
    )
    handoff_words: tuple[str, ...] = Field(
        default=(), description="Besides the language's own, such as HUMAN"
    )
    handover_minutes: int = Field(
        default=60, ge=0, le=525_600, description="The assistant is silent; 0: until it is resumed"
    )
    messages_per_second: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="What Meta takes of the number, in and out: 20 where WhatsApp's app is used"
        " beside it; null: 80",
    )
    answers_thanks: bool = Field(
        default=False, description="Whether thanks and a thumb get a reply, which costs"
    )
    model_hands_over: bool = Field(
        default=True, description="Whether the model may bring a person by itself"
    )
    model_offers_choices: bool = Field(
        default=True, description="Whether the model may offer options that are tapped"
    )
    window_template: str | None = Field(
        default=None,
        description="The template that is sent to who has not written for a day; null: none",
    )
    window_template_language: str | None = Field(
        default=None, description="Meta's code, such as es_ES; null: that of `language`"
    )
    window_template_takes_text: bool = Field(
        default=False, description="Whether its body has one variable, which gets the reply's text"
    )
    opt_out_words: tuple[str, ...] = Field(
        default=("STOP", "BAJA"), description="Besides the language's own and STOP"
    )
    daily_token_budget: int | None = Field(
        default=None, ge=1, description="Days and months are those of the client's time zone"
    )
    monthly_token_budget: int | None = Field(default=None, ge=1)
    contact_daily_token_budget: int | None = Field(
        default=None, ge=1, description="Of each contact"
    )
    daily_budget_usd: float | None = Field(default=None, ge=0.01)
    monthly_budget_usd: float | None = Field(default=None, ge=0.01)
    budget_text: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Sent once when a budget is spent; null: that of the client's language",
    )
    model: str | None = Field(default=None, description="Instead of the assistant's model")
    reasoning_effort: Effort | None = None
    transcription_model: str = Field(
        default="gpt-transcribe", description="Of voice notes; off: they are not heard"
    )
    openai_base_url: str | None = Field(
        default=None, description="The client's own server of the Responses API, with its /v1"
    )


class ConfigEvent(Event):
    """A row of a compacted topic: the newest revision of its key counts."""

    version: int = Field(ge=1, description="The one that operators see; may go back")
    revision: int = Field(default=0, ge=0, description="Grows with each change of the key")


class TenantConfig(ConfigEvent):
    """tenants.config, keyed by phone_number_id. Secrets are sealed; a tombstone removes it."""

    name: str
    phone_number: str = Field(description="E.164 with +")
    phone_number_id: str = Field(min_length=1)
    assistant_id: str
    active: bool
    settings: TenantSettings = TenantSettings()
    access_token: str | None = Field(default=None, description="Sealed; absent: the default token")
    openai_api_key: str | None = Field(default=None, description="Sealed; absent: the default key")
    updated_at: AwareDatetime


class AssistantConfig(ConfigEvent):
    """assistants.config, keyed by assistant_id: the published version.

    An assistant may serve several clients, so tenant_id is that of the change's owner (1 for the
    operator) and says nothing about who may use it.
    """

    assistant_id: str = Field(min_length=1)
    name: str
    instructions: str
    model: str
    reasoning_effort: Effort | None = None
    verbosity: Verbosity | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_output_tokens: int = Field(default=800, ge=16, le=128_000)
