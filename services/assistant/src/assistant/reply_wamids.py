"""deliveries.events -> which reply a wamid belongs to, so that a quote of it can be read, and which
was sent as a template (see sent_templates)."""

from collections.abc import Sequence

from assistant.sent_templates import template_statements
from common.events import DeliveryChanged
from common.postgres.connection import Connection
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest

GATHER_MS = 1000  # nobody quotes a message sooner
SENT = frozenset({"accepted", "sent"})  # the second where the answer to the send was lost
REPLY_WAMID = {"tenant_id": "int", "wamid": "text", "reply_id": "uuid"}
STORE_WAMIDS = Prepared(f"""
insert into reply_wamid ({names(REPLY_WAMID)})
select {names(REPLY_WAMID)} from {unnest(REPLY_WAMID)} order by tenant_id, wamid
on conflict do nothing
""")


def store_reply_wamids(connection: Connection, events: Sequence[DeliveryChanged]) -> None:
    """One round trip; none where nothing was sent."""
    sent = [event for event in events if event.wamid and event.state in SENT]
    if sent:
        statements = [(STORE_WAMIDS, arrays(REPLY_WAMID, sent)), *template_statements(sent)]
        connection.execute_together(statements, commit=True)
