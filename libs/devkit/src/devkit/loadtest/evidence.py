"""What a run leaves behind: acked webhooks, accepted sends, outcomes, dead letters.

Each message's text holds a token `[[ledger:tenant/contact/seq]]`, which the emulated model repeats
and the Graph emulator logs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

TOKEN = re.compile(r"\[\[ledger:([^/\]\s]+)/([^/\]\s]+)/(\d+)\]\]")


class Token(NamedTuple):
    """Names one message of one conversation; `seq` grows within the conversation."""

    tenant: str
    contact: str
    seq: int

    def __str__(self) -> str:
        return f"[[ledger:{self.tenant}/{self.contact}/{self.seq}]]"


@dataclass(frozen=True, slots=True)
class Owner:
    """What belongs to one tenant alone (but the access token may be a shared default)."""

    phone_number_id: str
    access_token: str


@dataclass(frozen=True, slots=True)
class Acked:
    """A webhook answered 200. Times in seconds since 1970; due_at is when it was meant to leave."""

    token: Token
    wamid: str
    due_at: float
    acked_at: float


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that the Graph API accepted, also if its answer was destroyed.

    `contact` is in the form of the tokens; `tag` is biz_opaque_callback_data.
    """

    phone_number_id: str
    contact: str
    text: str
    access_token: str
    at: float
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One messages.outcome event of a message; a re-published event has the same id. `corrects`:
    the id of the first one, where this is a correction."""

    event_id: str
    name: str
    reason: str | None = None
    corrects: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a run left behind. `posted` in the order of acceptance.

    `faults`: how often each announced fault was injected. `outcomes` by wamid; None where no
    broker could be read: then only the answers count.
    """

    owners: Mapping[str, Owner]
    acked: Sequence[Acked]
    posted: Sequence[Posted]
    outcomes: Mapping[str, Sequence[Outcome]] | None = None
    dead_letters: frozenset[str] = frozenset()
    faults: Mapping[str, int] = field(default_factory=dict)


def tokens_in(text: str) -> list[Token]:
    return [Token(tenant, contact, int(seq)) for tenant, contact, seq in TOKEN.findall(text)]
