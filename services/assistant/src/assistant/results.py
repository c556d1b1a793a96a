"""What a turn leads to: a reply, or the outcome of messages that get none."""

from dataclasses import dataclass
from typing import Literal

from assistant.openai.response import Usage
from common.command_words import Command
from common.events import OutcomeName

# What a conversation remembers of a result, so that it is not said, or tried, again at once.
Note = Literal["fallback", "closed_text", "disclosure", "loop"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the turn answers. preface: said before the text, and no history of the model's.

    command: what the contact asked for with a command word. handover_minutes: how long a handover
    lasts; 0: until it is resumed. failure: why there is no answer of the model; the messages end as
    failed with it.
    """

    kind: Literal["answer", "fallback", "notice"]
    text: str
    usage: Usage | None = None
    command: Command | None = None
    failure: str | None = None
    handover_minutes: int = 0
    preface: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def whole_text(self) -> str:
        return "\n\n".join((*self.preface, self.text))


@dataclass(frozen=True, slots=True)
class NoReply:
    """No reply: the outcome that the turn's messages get."""

    outcome: OutcomeName
    reason: str
    notes: tuple[Note, ...] = ()


TurnResult = Reply | NoReply
