"""The work table of turns. The other tables are named where their SQL stands.

A conversation has one open turn at most (unique index turn_open), and the turn row is the one
serialisation point: anything that makes an answer stale adds 1 to its epoch.
"""

from assistant.turn_context import LOAD_CLAIMED, PUT_OFF
from common.work import WorkTable

MAX_SUPERSEDED = 3  # then its answer stands, and what came meanwhile is for the next turn

# A turn that was claimed while it was stored was claimed first when it was opened. Claims during a
# handover are no tries: afterwards the model has all of its time.
TURNS = WorkTable(
    "turn",
    on_claim=f"""first_claimed_at = case when picked.reason = '{PUT_OFF}' then now()
    else coalesce(t.first_claimed_at, case when t.attempts = 0 then now() else t.opened_at end) end,
  put_off = t.put_off + (picked.reason is not distinct from '{PUT_OFF}')::int, reason = null""",
    load=LOAD_CLAIMED,
)
