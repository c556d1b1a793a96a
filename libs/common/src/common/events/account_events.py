"""What Meta tells about a WhatsApp Business account or one of its numbers."""

from typing import Literal

from pydantic import AwareDatetime, Field

from common.events.event import Event

NewsLevel = Literal["info", "warning", "critical"]


class AccountNews(Event):
    """One change of an account or number. The newest per account, number, what and subject counts.

    Meta names most by the account alone, so tenant_id is the number's client where the id of the
    number is known, else 1 (the operator).
    """

    waba_id: str = Field(min_length=1, description="Meta's id of the account")
    phone_number_id: str | None = Field(default=None, description="Absent: of the whole account")
    phone_number: str | None = Field(
        default=None, description="Digits, where Meta names the number by these alone"
    )
    field: str = Field(description="Meta's name of the webhook field")
    what: str = Field(
        description="An open set: banned, restricted, quality, throughput, payment, error...;"
        " number: only that the number is of the account"
    )
    level: NewsLevel = "info"
    subject: str | None = Field(
        default=None, description="Which of several: a template, an alert's type, an error's code"
    )
    detail: str | None = Field(default=None, description="In Meta's words, cut")
    code: int | None = Field(default=None, description="Meta's code of an error")
    limit: str | None = Field(default=None, description="New contacts in 24 h, as Meta says it")
    messages_per_second: int | None = Field(default=None, ge=1, description="Of throughput")
    template: str | None = None
    template_language: str | None = None
    template_status: str | None = None
    at: AwareDatetime = Field(description="Meta's time, else when ingress had it")
    until: AwareDatetime | None = Field(default=None, description="From then on it is history")
