"""Due work as rows: what the services and the runner may do with a work table.

A row is claimed under a lease and an epoch; a result counts only while both still stand. Every
statement works on arrays: one by one they cost ten times as much. The columns are in schema.py, the
SQL is in statements.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.postgres.connection import NO_WAIT, Connection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import Columns, arrays, rows_as, unnest
from common.work import statements as sql
from common.work.fairness import Due
from common.work.schema import DONE, RUNNING, WAITING, WorkState

ClaimKey = tuple[int, int]  # a row's id and epoch: one row may have been claimed again


class Claim(NamedTuple):
    """A claimed row. Counts: `attempts` claims, this one included; `failures` of its handler;
    `unfinished` claims in a row without a result, this one included."""

    id: int
    epoch: int
    attempts: int
    tenant_id: int
    failures: int = 0
    unfinished: int = 1

    @property
    def key(self) -> ClaimKey:
        return self.id, self.epoch


class Hint(NamedTuple):
    """A row that this process stored: due in `delay` seconds."""

    id: int
    tenant_id: int
    delay: float


class Look(NamedTuple):
    """See LOOK."""

    free: list[int]
    expired: bool
    own_expired: bool
    due: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """What becomes of a claimed row: WAITING means due again after `delay` seconds."""

    claim: Claim
    state: WorkState
    delay: float
    reason: str
    failed: bool = False

    @property
    def id(self) -> int:
        return self.claim.id

    @property
    def epoch(self) -> int:
        return self.claim.epoch


class WorkTable:
    """The statements for one table. `serial`: the column whose rows run one after the other.

    `careful`: a claim waits for the disk, because acting on a lost claim is not repeatable.
    """

    def __init__(
        self,
        name: str,
        serial: str | None = None,
        *,
        careful: bool = False,
        before_claim: Sequence[str] = (),
        on_claim: str = "",
        claimed: str = "",
        load: str = "",
        finish: Columns | None = None,
    ) -> None:
        """What a service adds to the statements:

        before_claim: run before a claim of `%(ids)s`; what they make due later is not claimed.
        on_claim: assignments of the claim; the row as it was before is `picked`.
        claimed: what the claim returns besides the columns of a Claim; `t` is the row.
        load: instead of that, a select of claimed rows by `%(ids)s` that returns all of them.
        finish: columns that a finish sets, where it has values for them (`kept` is false).
        """
        self.name = name
        self.serial = serial
        self._finish_columns = dict(finish or {})
        given = sql.FINISHED | self._finish_columns | ({"kept": "boolean"} if finish else {})
        parts = {
            "table": name,
            "serial": serial or "id",
            "is_first": sql.IS_FIRST.format(table=name, serial=serial) if serial else "",
            "on_claim": f", {on_claim}" if on_claim else "",
            "claimed": f", {claimed}" if claimed else "",
            "given": unnest(given, "r"),
            "on_finish": "".join(
                f", {column} = case when given.kept then t.{column} else given.{column} end"
                for column in self._finish_columns
            ),
        }
        self._no_wait: list[Statement] = [] if careful else [(NO_WAIT, {})]
        self._before_claim = [Prepared(each) for each in before_claim]
        self._claim = Prepared(sql.CLAIM_BY_ID.format(**parts))
        self._load = Prepared(load) if load else None
        self._due = Prepared(sql.DUE.format(**parts))
        self._due_by_tenant = Prepared(sql.DUE_BY_TENANT.format(**parts))
        self._finish = Prepared(sql.FINISH.format(**parts))
        self._adopt = sql.ADOPT.format(**parts)
        self._look = Prepared(sql.LOOK.format(**parts))
        self._take_over = sql.TAKE_OVER.format(**parts)
        self._release_unconfirmed = sql.RELEASE_UNCONFIRMED.format(**parts)
        self._unblock = Prepared(sql.UNBLOCK.format(**parts)) if serial else None
        self._unblock_left = sql.UNBLOCK_LEFT.format(**parts) if serial else None
        self._stood = Prepared(sql.STOOD.format(table=name) + sql.written_now(name))

    # ---- for services that store into the table themselves -------------------------------------

    @property
    def is_running(self) -> str:
        """A condition on a row of the table."""
        return f"{self.name}.state = {RUNNING}"

    @property
    def claim_columns(self) -> tuple[str, ...]:
        """The columns of `claim_values`."""
        return ("state", "epoch", "attempts", "unfinished", "owner", "lease_until")

    def claim_values(self, condition: str, otherwise: str = str(WAITING)) -> str:
        """Expressions of an insert of new rows: claimed where the lease has an owner and
        `condition` holds, else in the state `otherwise`. Parameters: see Lease."""
        claims = f"(%(owner)s::int is not null and ({condition}))"
        return f"""case when {claims} then {RUNNING} else {otherwise} end,
  {claims}::int, {claims}::int, {claims}::int, case when {claims} then %(owner)s::int end,
  case when {claims} then now() + %(lease)s::float8 * interval '1 second' end"""

    def void_claim(self, condition: str) -> str:
        """Assignments of an update: where `condition` holds, the row's claim counts no more (its
        late result is refused) and the row waits again."""
        return f"""epoch = {self.name}.epoch + ({condition})::int,
  lease_until = case when {condition} then null else {self.name}.lease_until end,
  unfinished = case when {condition} then 0 else {self.name}.unfinished end,
  state = case when {condition} then {WAITING} else {self.name}.state end"""

    def finish_open(self, alias: str, reason: str) -> str:
        """Assignments of an update: an open row is done, and a late result of its claim is refused.
        A finished row stays as it is. `reason` is an SQL expression."""
        is_open = f"{alias}.finished_at is null"
        return f"""epoch = {alias}.epoch + ({is_open})::int,
  state = case when {is_open} then {DONE} else {alias}.state end,
  reason = case when {is_open} then {reason} else {alias}.reason end,
  finished_at = coalesce({alias}.finished_at, now()), lease_until = null, owner = null"""

    def make_due(self, condition: str, portion: int) -> str:
        """An update: waiting rows that would be due later are due now, at most so many at once."""
        return sql.MAKE_DUE.format(table=self.name, condition=condition, portion=portion)

    def unblock(self, finished: Sequence[int]) -> list[Statement]:
        """To run after rows have ended: what waited behind them may run."""
        return [(self._unblock, {"id": list(finished)})] if self._unblock and finished else []

    @property
    def successors(self) -> str:
        """A select: the hints of the first waiting rows behind those of `%(ended)s`."""
        return sql.SUCCESSORS.format(table=self.name, serial=self.serial)

    def stood(self, transitions: Sequence[Statement]) -> Statement:
        """A select for the same transaction: id and epoch of those whose claim stood."""
        return self._stood, {"id": [id for _, values in transitions for id in values["id"]]}

    # ---- for the runner ------------------------------------------------------------------------

    def claim(self, ids: list[int], owner: int, lease: float) -> list[Statement]:
        """Returns one row for each claimed one: the columns of a Claim, and the service's."""
        values = {"ids": ids, "owner": owner, "lease": lease}
        before = [(each, {"ids": ids}) for each in self._before_claim]
        statements = [*self._no_wait, *before, (self._claim, values)]
        return [*statements, (self._load, {"ids": ids})] if self._load else statements

    def due(self, connection: Connection) -> list[Due]:
        """The rows that have been due for the longest time, at most DUE_AT_ONCE."""
        return rows_as(Due, connection.execute_together([(self._due, {})], commit=True))

    def due_by_tenant(
        self, connection: Connection, cursor: int, each: int
    ) -> tuple[list[Due], int]:
        """At most `each` due rows of tenants behind the cursor, and the next cursor: 0 once all
        tenants were looked at."""
        values = {"cursor": cursor, "each": each}
        statement = (self._due_by_tenant, values)
        rows = connection.execute_together([statement], commit=True).all()
        due = [Due(row.id, row.tenant_id, row.unfinished) for row in rows if row.id is not None]
        return due, rows[0].cursor

    def finish(
        self, transitions: Collection[Transition], columns: Mapping[ClaimKey, Mapping[str, Any]]
    ) -> list[Statement]:
        """Moves the rows whose claim still stands; `stood` tells which. columns: what the service
        sets; a row without any keeps its own."""
        ordered = sorted(transitions, key=lambda transition: transition.id)
        values = arrays(sql.FINISHED, ordered)
        if self._finish_columns:
            given = [columns.get(transition.claim.key) for transition in ordered]
            values["kept"] = [each is None for each in given]
            for name in self._finish_columns:
                values[name] = [each[name] if each else None for each in given]
        return [(self._finish, values)]

    def look(self, connection: Connection, owner: int) -> Look:
        """One round trip. `owner`: this process's number."""
        statement = (self._look, {"owner": owner})
        (row,) = connection.execute_together([statement], commit=True)
        return Look(row.free, row.expired, row.own_expired, row.due)

    def adopt(self, connection: Connection, old: int, new: int) -> int:
        """Returns how many rows changed their owner."""
        return connection.exec_driver_sql(self._adopt, {"old": old, "new": new}).rowcount

    def take_over(self, connection: Connection, dead_owners: list[int], owner: int) -> int:
        """Returns how many rows wait again."""
        values = {"dead": dead_owners, "owner": owner}
        return connection.exec_driver_sql(self._take_over, values).rowcount

    def release_unconfirmed(self, owner: int, held: Collection[Claim]) -> Statement:
        """held: the claims that the owner knows of."""
        values = {
            "owner": owner,
            "ids": [claim.id for claim in held],
            "epochs": [claim.epoch for claim in held],
        }
        return self._release_unconfirmed, values

    def unblock_left(self, connection: Connection) -> int:
        """Blocked rows with nothing before them; how many could run again."""
        if self._unblock_left is None:
            return 0
        return connection.exec_driver_sql(self._unblock_left).rowcount
