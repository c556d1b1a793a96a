"""The sender's tables without its process: deliveries stored, claimed and sent on a clock that a
test moves."""

import itertools
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from tests.support.sender import a_reply

from common.postgres.connection import Connection
from common.postgres.engine import connection_arguments
from common.work import Lease, WorkState
from sender.send_times import Unsent, after_unsent
from sender.tables import DELIVERY, NumberPace, ReplyPart, insert_parts

OWNER, LEASE = 1, 60.0
MOVE = (
    "update number_pace set tat = tat - %(seconds)s * interval '1 second',"
    " slowed_at = slowed_at - %(seconds)s * interval '1 second'",
    "update pair_pace set started = started - %(seconds)s * interval '1 second'",
    "update delivery set due_at = due_at - %(seconds)s * interval '1 second',"
    " send_at = send_at - %(seconds)s * interval '1 second'",
)
NEXT_DUE = f"""select extract(epoch from min(due_at) - clock_timestamp())::float8 from delivery
where state = {WorkState.WAITING:d}"""
DUE = f"""select id from delivery where state = {WorkState.WAITING:d} and due_at <= now()
order by due_at, id"""

DONE = f"""update delivery d set {DELIVERY.finish_open("d", "'accepted'")}
where id = any(%(id)s)"""


class Sent(NamedTuple):
    """A claimed delivery: it may leave at `at`, in seconds of the clock."""

    id: int
    number: str
    contact: str
    at: float


class SenderTables:
    """`connections`: as many replicas as there are."""

    def __init__(self, url: str, replicas: int = 1) -> None:
        arguments = connection_arguments(url, "test")
        self.connections = [Connection(arguments, "sender") for _ in range(replicas)]
        self._ids = itertools.count(1)
        self._moved = -monotonic()
        self.claims = 0

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    @property
    def now(self) -> float:
        return self._moved + monotonic()

    def move(self, seconds: float) -> None:
        """The clock goes on: what was is longer ago."""
        for statement in MOVE:
            self.connections[0].exec_driver_sql(statement, {"seconds": seconds})
        self.connections[0].commit()
        self._moved += seconds

    def store(
        self, *contacts: str, number: str = "n", replica: int = 0, claims: bool = True, **pace: Any
    ) -> list[Sent]:
        """A reply to each contact; those that may leave soon."""
        values = {"per_second": 76.0, "inbound": 0} | pace
        replies = [
            a_reply(f"r{next(self._ids)}", phone_number_id=number, contact_id=contact)
            for contact in contacts
        ]
        parts = [ReplyPart(reply, 1, 1, reply.text) for reply in replies]
        paces = [NumberPace(**values), *[NumberPace(**values | {"inbound": 0})] * len(parts)]
        lease = Lease(OWNER if claims else None, LEASE)
        rows = insert_parts(self.connections[replica], parts, lease, paces[: len(parts)])
        return self._sent(row for row in rows if row.running)

    def due(self) -> list[int]:
        rows = self.connections[0].exec_driver_sql(DUE).all()
        self.connections[0].commit()
        return [row.id for row in rows]

    def claim(self, ids: Sequence[int], replica: int = 0) -> list[Sent]:
        statements = DELIVERY.claim(list(ids), OWNER, LEASE)
        return self._sent(self.connections[replica].execute_together(statements, commit=True))

    def _sent(self, rows: Iterable[Any]) -> list[Sent]:
        now = self.now
        sent = [
            Sent(row.id, row.phone_number_id, row.contact_id, now + row.send_in) for row in rows
        ]
        self.claims += len(sent)
        return sent

    def finish(self, sent: Iterable[Sent]) -> None:
        ids = [each.id for each in sent]
        self.connections[0].execute_together(
            [(DONE, {"id": ids}), *DELIVERY.unblock(ids)], commit=True
        )

    def wait_for_due(self) -> None:
        """Moves the clock to when something is due."""
        seconds = self.connections[0].exec_driver_sql(NEXT_DUE).scalar()
        self.connections[0].commit()
        if seconds is not None and seconds > 0:
            self.move(seconds)

    def refuse(self, sent: Sent, code: int) -> None:
        unsent = Unsent(f"{sent.number}:{sent.contact}", sent.number, code)
        self.connections[0].execute_together(after_unsent([unsent]), commit=True)
