"""What a load run does, and against what. Pure: the plan fixes who writes what, and when."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from common.service.settings import KafkaSettings
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.loadtest.evidence import Owner, Token


@dataclass(frozen=True, slots=True)
class LoadTenant:
    """One client as it was added to the installation; `tenant` is the name used in tokens."""

    tenant: str
    phone_number_id: str
    access_token: str
    phone_number: str = "+34900000000"

    @property
    def business(self) -> Business:
        return Business(
            self.tenant, self.phone_number, self.phone_number_id, token=self.access_token
        )

    @property
    def owner(self) -> Owner:
        return Owner(self.phone_number_id, self.access_token)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """tenants x contacts x messages at `rate` webhooks per second in all, evenly spaced.

    `run` (up to 6 digits) makes contacts and wamids new, so that runs do not mix. `duplicates`: how
    often each webhook is posted; the copies leave together, or `duplicate_spacing` seconds apart.
    `retry_seconds`: how long a webhook is tried again, as Meta does for 7 days. `quiet_seconds`:
    the run is over when nothing more came for so long, at the latest after `deadline_seconds`;
    while a message has no end yet, silence must last `patience_seconds` instead.
    `faults`: which emulators were told to inject any ("openai", "whatsapp").
    """

    tenants: tuple[LoadTenant, ...]
    run: int
    contacts: int = 20
    messages: int = 10
    rate: float = 50.0
    duplicates: int = 1
    duplicate_spacing: float = 0.0
    duplicates_allowed: int = 0
    text: str = "Hola"
    retry_seconds: float = 60.0
    quiet_seconds: float = 5.0
    patience_seconds: float = 0.0
    deadline_seconds: float = 300.0
    faults: tuple[str, ...] = ()
    connections: int = 256

    @property
    def total(self) -> int:
        return len(self.tenants) * self.contacts * self.messages


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs without a trailing slash. `kafka` None: outcomes and dead letters are not read."""

    webhook_url: str
    app_secret: str = field(repr=False)
    whatsapp_url: str
    openai_url: str | None = None
    kafka: KafkaSettings | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One message to send `after` seconds from the start of the run."""

    tenant: LoadTenant
    contact: Contact
    token: Token
    after: float

    @property
    def wamid(self) -> str:
        return f"wamid.{self.contact.wa_id}.{self.token.seq}"


def schedule(plan: LoadPlan) -> Iterator[Due]:
    """Round after round: each conversation gets its next message once all had their last."""
    people = [
        (tenant, contact_of(plan.run, index, number))
        for number in range(plan.contacts)
        for index, tenant in enumerate(plan.tenants)
    ]
    for position in range(plan.total):
        tenant, contact = people[position % len(people)]
        token = Token(tenant.tenant, contact.user_id, position // len(people))
        yield Due(tenant, contact, token, position / plan.rate)


def contact_of(run: int, tenant: int, number: int) -> Contact:
    """Every second one has a username, so that the webhook carries no phone."""
    digits = f"{run:06d}{tenant:03d}{number:04d}"
    visible = number % 2 == 0
    return Contact(f"Contact {number}", f"34{digits}", f"ES.{digits}", phone_visible=visible)


def contacts_by_phone(plan: LoadPlan) -> dict[str, str]:
    """Phone in digits to the contact id of the tokens."""
    return {due.contact.wa_id: due.contact.user_id for due in first_round(plan)}


def first_round(plan: LoadPlan) -> Iterator[Due]:
    return (due for due in schedule(plan) if due.token.seq == 0)
