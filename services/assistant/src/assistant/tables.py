"""The work table of turns. The other tables are named where their SQL stands.

A conversation has one open turn at most (unique index turn_open), and the turn row is the one
serialisation point: anything that makes an answer stale adds 1 to its epoch.
"""

from assistant.turn_context import LOAD_CLAIMED
from common.work import WorkTable

TURNS = WorkTable("turn", load=LOAD_CLAIMED)
