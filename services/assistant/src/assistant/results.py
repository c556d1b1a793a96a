"""What a turn leads to: a reply, or the outcome of messages that get none."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from assistant.conversation_changes import ConversationChange
from assistant.turn_context import TurnContext
from common.command_words import Command
from common.events import Choices, OutcomeName

# What a conversation remembers of a result, so that it is not said again at once.
Note = Literal["fallback", "closed_text"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the turn answers. preface: said before the text, and no history of the model's.
    model_text: of a model that hands over, between the preface and the text that confirms it.

    command: what the contact asked for with a command word, or the model with its tool, which has a
    tool_reason then. handover_minutes: how long a handover lasts; 0: until it is resumed. failure:
    why there is no answer of the model; the messages end as failed with it, or as suppressed for a
    spent budget. budget_text_on: the client's day, where the text says that a budget is spent.
    valid_minutes: after so many it would answer an old question; None: it stays valid. changes: of
    the conversation, besides those of the command. choices: to be tapped; `text` has them in words.
    quotes: wamid of the newest message that it answers, where one has come since.
    """

    kind: Literal["answer", "fallback", "notice"]
    text: str
    command: Command | None = None
    failure: str | None = None
    handover_minutes: int = 0
    budget_text_on: date | None = None
    valid_minutes: int | None = None
    preface: tuple[str, ...] = ()
    model_text: str = ""
    tool_reason: str | None = None
    notes: tuple[Note, ...] = ()
    changes: tuple[ConversationChange, ...] = ()
    choices: Choices | None = None
    quotes: str | None = None

    @property
    def whole_text(self) -> str:
        before = (self.model_text,) if self.model_text else ()
        return "\n\n".join((*self.preface, *before, self.text))

    @property
    def markdown(self) -> tuple[int, int] | None:
        """See common.events.ReplyReady."""
        written = self.text if self.kind == "answer" else self.model_text
        start = sum(len(text) + len("\n\n") for text in self.preface)
        return (start, start + len(written)) if written else None


@dataclass(frozen=True, slots=True)
class NoReply:
    """No reply: the outcome that the turn's messages get."""

    outcome: OutcomeName
    reason: str
    changes: tuple[ConversationChange, ...] = ()


TurnResult = Reply | NoReply


class FinishedTurn(NamedTuple):
    turn: TurnContext
    result: TurnResult
