"""conversations.events -> since when a conversation is opted out or has a person.

A reply that was made before that moment, and has not left yet, is held back; one that was made
later was made knowingly. So the newest moment is all that counts: an event that comes late or again
changes nothing, and neither opting in nor the end of a handover lets an older reply go.
"""

from collections.abc import Sequence
from datetime import timedelta

from common.events import ConversationChanged, TurnProgress
from common.postgres.connection import Rows, Statement
from common.postgres.database import Database
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, unnest
from common.service.clock import Clock

SILENCING = frozenset({"opted_out", "handed_over"})
# Longer than WhatsApp's window: a reply made before it is not sent any more, whatever stands here.
KEPT = timedelta(hours=25)
FORGET_AT_ONCE = 100

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
delete from conversation_state where ctid = any(array(
  select ctid from conversation_state where since < %(before)s::timestamptz
  order by since limit {FORGET_AT_ONCE} for update skip locked))
""")
ASKED = {"tenant_id": "int", "conversation": "text", "since": "timestamptz"}
# Of these conversations, those that have changed since then.
CHANGED_SINCE = Prepared(f"""
select conversation from {unnest(ASKED)} join conversation_state s using (tenant_id, conversation)
where s.since > given.since
""")
# Columns of a select or a returning: since when the conversation of the delivery `t` is so.
SINCE = ", ".join(
    f"""(select since from conversation_state s where s.tenant_id = t.tenant_id
    and s.conversation = t.conversation and s.what = '{what}') as {what}_at"""
    for what in sorted(SILENCING)
)


class ConversationStates:
    """`store` handles conversations.events; both run on consumers' threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def store(self, changes: Sequence[ConversationChanged]) -> None:
        """One round trip; none for a batch that says nothing of it."""
        oldest = self._clock.now() - KEPT
        given = [each for each in changes if each.what in SILENCING and each.occurred_at > oldest]
        if given:
            self._run((STORE, arrays(GIVEN, given)), (FORGET, {"before": oldest}))

    def silenced(self, turns: Sequence[TurnProgress]) -> set[str]:
        """Conversations that were opted out, or got a person, since their turn began."""
        return {row.conversation for row in self._run((CHANGED_SINCE, arrays(ASKED, turns)))}

    def _run(self, *statements: Statement) -> Rows:
        return self._database.run_transaction(
            lambda connection: connection.execute_together(statements, commit=True)
        )
