"""replies.outbound -> deliveries: one row per part, in the transaction of the batch."""

from collections.abc import Sequence
from typing import Any

from common.events import Choices, ReplyReady
from common.postgres.connection import Connection
from common.work import Lease
from sender.number_rates import NumberRates
from sender.tables import ReplyPart, insert_parts
from sender.whatsapp.graphemes import utf16_length
from sender.whatsapp.interactive import longest_body
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
    if reply.media:
        return [ReplyPart(reply, 1, 1, reply.text)]
    bodies = split_text(formatted(reply)) or [reply.text]
    # Two messages would cost twice: what does not fit into one with its options is said in words.
    if len(bodies) == 1 and reply.choices and (shown := shown_choices(reply, reply.choices)):
        return [ReplyPart(reply, 1, 1, bodies[0], shown)]
    return [ReplyPart(reply, part, len(bodies), body) for part, body in enumerate(bodies, start=1)]


def shown_choices(reply: ReplyReady, choices: Choices) -> Choices | None:
    """With the whole text above the options; None where WhatsApp cannot show it so."""
    start, _ = model_part(reply)
    text = reply.text[:start] + to_whatsapp(choices.text)
    fits = utf16_length(text) <= (longest_body(choices) or 0)
    return choices.model_copy(update={"text": text}) if fits else None


def formatted(reply: ReplyReady) -> str:
    """Only what the model wrote is Markdown: people write with WhatsApp's own marks."""
    (start, end), text = model_part(reply), reply.text
    return text[:start] + to_whatsapp(text[start:end]) + text[end:]


def model_part(reply: ReplyReady) -> tuple[int, int]:
    return reply.markdown or (0, len(reply.text) if reply.kind == "answer" else 0)
