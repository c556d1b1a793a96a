"""Facts of the database: the server, the tables, events that wait, secrets, models, numbers."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2.extensions import parse_dsn

from common.key_ring_file import read_rings
from common.key_rings import KeyRings, Unsealable
from common.postgres.dsn import dsn_of, is_near
from common.postgres.engine import connect, connection_arguments
from common.postgres.wait_for_schema import newest_revision
from common.sealed import unseal, use_of
from common.service.settings import DatabaseSettings
from tenant_admin.core import client_health, clients
from tenant_admin.core.tables import SCHEMA, assistant, assistant_version, client_secret
from tenant_admin.core.tables import clients as client_table
from tenant_admin.installation_checks.assess import (
    DatabaseFacts,
    OutboxFacts,
    SecretFacts,
    assess_clock,
    assess_database,
    assess_models,
    assess_numbers,
    assess_outbox,
    assess_secrets,
)
from tenant_admin.installation_checks.finding import Check, Finding, NotRun

OUTBOX_SCHEMAS = ("admin", "assistant", "sender")
MOST_CLIENTS = 10_000
SERVER = """select current_setting('server_version'), clock_timestamp(), version
from (select) as one left join pg_stat_ssl on ssl and pid = pg_backend_pid()"""
REVISION = "select max(version_num) from {}.alembic_version"
# No error for what is not there; but one for a table whose schema may not be entered.
MAY_ENTER = "select coalesce(has_schema_privilege(to_regnamespace(%s)::oid, 'usage'), false)"
MAY_LOOK = "select coalesce(has_table_privilege(to_regclass(%s)::oid, 'select'), false)"
OUTBOX = """select count(*), coalesce(extract(epoch from now() - min(created_at)), 0),
(select count(*) from {0}.outbox_refused) from {0}.outbox"""


@dataclass(frozen=True, slots=True)
class DatabaseChecks:
    settings: DatabaseSettings
    ring_file: Path | None

    def checks(self) -> dict[str, Check]:
        named: dict[str, Callable[[], Iterable[Finding]]] = {
            "database": self.server,
            "clock, database": self.clock,
            "key rings": self.secrets,
            "models": self.models,
            "numbers": self.numbers,
        }
        outboxes = {f"outbox {name}": partial(self.outbox, name) for name in OUTBOX_SCHEMAS}
        return {**named, **outboxes}

    def server(self) -> Iterable[Finding]:
        version, _, tls = self._row(SERVER)
        is_there = self._may_read(SCHEMA, "alembic_version")
        revision = self._row(REVISION.format(SCHEMA))[0] if is_there else None
        host = parse_dsn(self._dsn).get("host", "")
        facts = DatabaseFacts(
            version, tls, is_near(host), revision, newest_revision("tenant_admin")
        )
        return assess_database(facts)

    def clock(self) -> Iterable[Finding]:
        before = datetime.now(UTC)
        (_, theirs, _) = self._row(SERVER)
        after = datetime.now(UTC)
        middle = before + (after - before) / 2
        uncertain = (after - before).total_seconds() / 2
        return [assess_clock("database", (middle - theirs).total_seconds(), uncertain)]

    def outbox(self, schema: str) -> Iterable[Finding]:
        if not self._may_read(schema, "outbox"):
            return assess_outbox(OutboxFacts(schema, None))
        waiting, oldest, refused = self._row(OUTBOX.format(schema))
        return assess_outbox(OutboxFacts(schema, float(oldest), waiting, refused))

    def secrets(self) -> Iterable[Finding]:
        if self.ring_file is None:
            raise NotRun("KEY_RING_FILE is not set", "set it to the file of the key rings")
        rings = read_rings(self.ring_file)
        return assess_secrets(secret_facts(rings, self._all(sa.select(client_secret))))

    def models(self) -> Iterable[Finding]:
        found: dict[str, list[str]] = defaultdict(list)
        for row in self._all(models_in_use()):
            found[row.model].append(row.name)
        return assess_models(found, datetime.now(UTC).date())

    def numbers(self) -> Iterable[Finding]:
        with opened(self._dsn) as connection:
            listed = clients.page(connection, 0, MOST_CLIENTS)
            healths = client_health.health_of(connection, listed)
        problems = {f"{each.client_id} {each.name}": each.problems for each in healths}
        return assess_numbers({who: what for who, what in problems.items() if what}, len(listed))

    @property
    def _dsn(self) -> str:
        return dsn_of(self.settings)

    def _may_read(self, schema: str, table: str) -> bool:
        may_enter = self._row(MAY_ENTER, (schema,))[0]
        return bool(may_enter and self._row(MAY_LOOK, (f"{schema}.{table}",))[0])

    def _row(self, statement: str, values: Any = None) -> Any:
        with closing(psycopg2.connect(**connection_arguments(self._dsn, "doctor"))) as connection:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchone()

    def _all(self, query: sa.Select[Any]) -> list[Any]:
        with opened(self._dsn) as connection:
            return list(connection.execute(query))


@contextmanager
def opened(dsn: str) -> Iterator[sa.Connection]:
    engine = connect(dsn, "doctor", SCHEMA, 1)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def secret_facts(rings: KeyRings, rows: list[Any]) -> SecretFacts:
    lacking = rings.lacking({use_of(row.field, row.sealed) for row in rows})
    given = rings.given()
    can_open = all(ring.opens for ring in given.values())
    unreadable = [
        f"client {row.client_id}, {row.field}"
        for row in rows
        if can_open and not lacking and not opens(rings, row)
    ]
    return SecretFacts(len(rows), len(rows) - len(unreadable), lacking, unreadable, can_open)


def opens(rings: KeyRings, row: Any) -> bool:
    try:
        unseal(rings.ring(row.field), row.client_id, row.field, row.sealed)
    except Unsealable:
        return False
    return True


def models_in_use() -> sa.Select[Any]:
    own = client_table.c.settings["model"].astext
    published = assistant_version.c.version == assistant.c.published_version
    version = assistant_version.c.assistant_id == assistant.c.assistant_id
    return (
        sa.select(
            client_table.c.name, sa.func.coalesce(own, assistant_version.c.model).label("model")
        )
        .join(assistant, assistant.c.assistant_id == client_table.c.assistant_id)
        .join(assistant_version, sa.and_(version, published))
        .where(client_table.c.active)
    )
