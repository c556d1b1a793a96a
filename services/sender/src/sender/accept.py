"""replies.outbound -> deliveries: one row per part, in the transaction of the batch."""

from collections.abc import Sequence
from typing import Any

from common.events import ReplyReady
from common.postgres.connection import Connection
from common.work import Lease
from sender.number_rates import NumberRates
from sender.tables import ReplyPart, insert_parts
from sender.whatsapp.markdown import to_whatsapp
from sender.whatsapp.split_text import split_text


def accept(
    rates: NumberRates, connection: Connection, replies: Sequence[ReplyReady], lease: Lease
) -> Sequence[Any]:
    """See common.work.runner.StoreRows. A reply that was stored before changes nothing."""
    parts = [part for reply in replies for part in parts_of(reply)]
    paces = rates.paces([part.reply.phone_number_id for part in parts])
    return insert_parts(connection, parts, lease, paces)


def parts_of(reply: ReplyReady) -> list[ReplyPart]:
    """At least one part, so that every reply has an outcome: Graph refuses a blank one."""
    bodies = split_text(formatted(reply)) or [reply.text]
    return [ReplyPart(reply, part, len(bodies), body) for part, body in enumerate(bodies, start=1)]


def formatted(reply: ReplyReady) -> str:
    """Only what the model wrote is Markdown: people write with WhatsApp's own marks."""
    nothing_or_all = (0, len(reply.text) if reply.kind == "answer" else 0)
    start, end = reply.markdown or nothing_or_all
    text = reply.text
    return text[:start] + to_whatsapp(text[start:end]) + text[end:]
