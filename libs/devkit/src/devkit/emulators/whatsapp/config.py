"""What an emulator is started with, and the knobs that can be turned while it runs."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devkit.emulators.whatsapp.identities import Business, Contact

DEMO_CONTACTS = (
    Contact("Lucía Romero", "34600111222", "ES.13491208655302741918"),
    Contact("Marcos Vidal", "34600333444", "ES.24817730916653087742", phone_visible=False),
)


@dataclass(slots=True)
class Knobs:
    """Times in seconds; a status with None is never reported.

    strict: unknown numbers and people are refused and the 24 h window counts. Without it the
    emulator adds everyone it meets, for load that is posted to the webhook URL directly.
    clock_ahead: how far Meta's clock is ahead of ours, or behind; see WhatsAppConfig.clock.
    """

    limits: bool = True
    strict: bool = True
    statuses: bool = True
    sent_after: float | None = 0.1
    delivered_after: float | None = 0.4
    read_after: float | None = 1.5
    duplicate_webhooks: bool = False
    latency: float = 0.0
    clock_ahead: float = 0.0


@dataclass(frozen=True, slots=True)
class WhatsAppConfig:
    """`access_token` is valid for every business without a token of its own.

    webhook_url None: nothing is delivered. `clock` gives seconds since 1970 and rules timestamps,
    the 24 h window and the limits. real_model: the host of the model server that answers; None: the
    stand-in, whose control API is at model_control_url; the chat page tells and uses them.
    """

    app_secret: str
    verify_token: str
    access_token: str
    webhook_url: str | None = None
    businesses: tuple[Business, ...] = ()
    contacts: tuple[Contact, ...] = DEMO_CONTACTS
    knobs: Knobs = field(default_factory=Knobs)
    clock: Callable[[], float] = time.time
    real_model: str | None = None
    model_control_url: str | None = None


def businesses_in(path: Path) -> tuple[Business, ...]:
    """A JSON list of {name, phone_number, phone_number_id, token?, waba_id?}."""
    return tuple(Business(**fields) for fields in json.loads(path.read_text(encoding="utf-8")))
