"""Whether a conversation is with a machine: each answer of ours causes its next message. Pure.

Two automatic repliers that meet would write to each other for ever, and each reply costs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from assistant.turn_context import StoredMessage, TurnContext
from common.folded_text import folded

LOOP_TIME = timedelta(minutes=60)  # so long a machine gets no answer
LAST_MESSAGES, EQUAL_MESSAGES = 7, 3
QUICK = timedelta(seconds=3)
# WhatsApp tells whole seconds, and our clock may be ahead of its.
CLOCK_DIFFERENCE = timedelta(seconds=2)


def is_loop(turn: TurnContext) -> bool:
    """Too many turns in a short time, or the same text right after our answers."""
    return turn.is_busy or repeats_quickly(turn)


def repeats_quickly(turn: TurnContext) -> bool:
    newest = islice(quick_replies([*turn.history, turn.pending]), LAST_MESSAGES)
    texts = Counter(folded(text) or text for text in newest if text is not None)
    return max(texts.values(), default=0) >= EQUAL_MESSAGES


def quick_replies(turns: Sequence[Sequence[StoredMessage]]) -> Iterator[str | None]:
    """The contact's messages, newest first; None for one that did not come right after an answer.

    turns: oldest first.
    """
    for index in range(len(turns) - 1, -1, -1):
        answered_at = answer_time(turns[index - 1]) if index else None
        for message in reversed(turns[index]):
            if message.role == "u":
                yield message.body if is_quick(message.sent_at, answered_at) else None


def answer_time(turn: Sequence[StoredMessage]) -> datetime:
    return max(message.sent_at for message in turn if message.role == "a")


def is_quick(sent_at: datetime, answered_at: datetime | None) -> bool:
    return answered_at is not None and -CLOCK_DIFFERENCE <= sent_at - answered_at < QUICK
