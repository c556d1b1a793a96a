"""replies.outbound -> deliveries: one row per part, in the transaction of the batch."""

from collections.abc import Sequence
from typing import Any

from common.events import ReplyReady
from common.postgres.connection import Connection
from common.work import Lease
from sender.number_rates import NumberRates
from sender.tables import ReplyPart, insert_parts, is_a_persons
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
    """At least one part, so that every reply has an outcome: Graph refuses a blank one. What a
    person wrote is no Markdown."""
    text = reply.text if is_a_persons(reply) else to_whatsapp(reply.text)
    bodies = split_text(text) or [reply.text]
    return [ReplyPart(reply, part, len(bodies), body) for part, body in enumerate(bodies, start=1)]
