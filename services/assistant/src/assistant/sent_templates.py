"""What the history remembers of a reply in whose place a template was sent: that, and not the text,
which the contact has never seen. A template that takes the text changes nothing."""

from collections.abc import Sequence

from assistant.conversations import conversation_of
from common.description import described
from common.events import DeliveryChanged
from common.postgres.connection import Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, unnest

SENT_INSTEAD = "WhatsApp template sent instead"
REPLY = {"tenant_id": "int", "contact_id": "text", "reply_id": "uuid"}
REPLACE_TEXTS = Prepared(f"""
update message set body = given.body from {unnest(REPLY | {"body": "text"})}
where message.conversation_id = {conversation_of("given.tenant_id", "given.contact_id")}
  and message.turn_id is not null and message.role = 'a' and message.reply_id = given.reply_id
""")


def template_statements(sent: Sequence[DeliveryChanged]) -> list[Statement]:
    """None where nothing is to be replaced. Of a reply in parts the first tells: where that left as
    its text, the contact knows what was said."""
    unseen = [
        event
        for event in sent
        if event.template and not event.template_takes_text and event.part == 1
    ]
    bodies = [described(SENT_INSTEAD, event.template) for event in unseen]
    return [(REPLACE_TEXTS, arrays(REPLY, unseen) | {"body": bodies})] if unseen else []
