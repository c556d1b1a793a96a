"""replies.outbound -> deliveries: one row per part, in the transaction of the batch."""

from collections.abc import Sequence

from sqlalchemy import Connection

from common.events import ReplyReady
from common.work import Hint
from sender.tables import insert
from sender.whatsapp.markdown import to_whatsapp
from sender.whatsapp.split_text import split

Part = tuple[ReplyReady, int, int, str]


def accept(connection: Connection, replies: Sequence[ReplyReady]) -> list[Hint]:
    """The new rows. A reply that came before changes nothing."""
    return insert(connection, [part for reply in replies for part in parts_of(reply)])


def parts_of(reply: ReplyReady) -> list[Part]:
    """At least one part, so that every reply has an end: a blank one is for Graph to refuse."""
    bodies = split(to_whatsapp(reply.text)) or [reply.text]
    return [(reply, part, len(bodies), body) for part, body in enumerate(bodies, start=1)]
