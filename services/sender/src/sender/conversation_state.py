"""conversations.events -> since when a conversation is opted out or has a person.

A reply that was made before that moment, and has not left yet, is held back; one that was made
later was made knowingly. So the newest moment is all that counts: an event that comes late or again
changes nothing, and neither opting in nor the end of a handover lets an older reply go.
"""

from collections.abc import Sequence
from datetime import timedelta

from common.events import ConversationChanged
from common.postgres.connection import Connection
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, unnest
from common.service.clock import Clock

SILENCING = frozenset({"opted_out", "handed_over"})
# Longer than WhatsApp's window: a reply made before it is not sent any more, whatever stands here.
KEPT = timedelta(hours=25)
FORGET_AT_ONCE = 100

TABLE = """
create table conversation_state (
  tenant_id int not null,
  conversation text not null,
  what text not null check (what in ('opted_out', 'handed_over')),
  since timestamptz not null,
  primary key (tenant_id, conversation, what)
);
create index conversation_state_since on conversation_state (since);
"""
GIVEN = {
    "tenant_id": "int",
    "conversation": "text",
    "what": "text",
    "occurred_at": "timestamptz",
}
STORE = Prepared(f"""
insert into conversation_state as known (tenant_id, conversation, what, since)
select tenant_id, conversation, what, max(occurred_at) from {unnest(GIVEN)}
group by tenant_id, conversation, what order by tenant_id, conversation, what
on conflict (tenant_id, conversation, what) do update set since = excluded.since
where known.since < excluded.since
""")
# Deletes some of those that no reply can ask for any more.
FORGET = Prepared(f"""
delete from conversation_state where (tenant_id, conversation, what) in (
  select tenant_id, conversation, what from conversation_state where since < %(before)s::timestamptz
  order by since limit {FORGET_AT_ONCE} for update skip locked)
""")
# Columns of a select or a returning: since when the conversation of the delivery `t` is so.
SINCE = ", ".join(
    f"""(select since from conversation_state s where s.tenant_id = t.tenant_id
    and s.conversation = t.conversation and s.what = '{what}') as {what}_at"""
    for what in sorted(SILENCING)
)


class ConversationStates:
    """conversations.events: `store` writes a batch in the transaction of its consumer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def store(self, connection: Connection, changes: Sequence[ConversationChanged]) -> None:
        """One round trip; none for a batch that says nothing of it."""
        oldest = self._clock.now() - KEPT
        silencing = [
            change for change in changes if change.what in SILENCING and change.occurred_at > oldest
        ]
        if silencing:
            values = arrays(GIVEN, silencing)
            connection.execute_together(
                [(STORE, values), (FORGET, {"before": oldest})], commit=True
            )
