"""A service owns nothing and can change nothing but rows; a line of the audit log not even that."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from secrets import token_hex
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import make_dsn, parse_dsn
from tests.support.postgres import NewDatabase, Server

from common.postgres.migrate import upgrade
from common.postgres.session_check import SETTINGS
from ops.create_roles import Passwords, create_roles
from tenant_admin.migrate import migrate

pytestmark = pytest.mark.integration
PACKAGES = {"admin": "tenant_admin", "assistant": "assistant", "sender": "sender"}
OWNED = """
select relname::text from pg_class where relowner = %(owner)s::regrole
union all select nspname from pg_namespace where nspowner = %(owner)s::regrole
union all select proname from pg_proc where proowner = %(owner)s::regrole
"""
TABLES = """
select c.relname, array(select privilege_type::text from aclexplode(c.relacl) a
  where a.grantee = current_user::regrole order by 1)
from pg_class c where c.relnamespace = current_user::regnamespace and c.relkind in ('r', 'p')
"""
SEQUENCES = """
select bool_and(has_sequence_privilege(c.oid, 'usage')) from pg_class c
where c.relnamespace = current_user::regnamespace and c.relkind = 'S'
"""
ROWS = ["DELETE", "INSERT", "SELECT", "UPDATE"]
REWRITE = [
    "update audit_log set actor = 'key:alice'",
    "delete from audit_log",
    "truncate audit_log",
    "alter table audit_log disable trigger all",
    "drop trigger audit_log_append_only on audit_log",
    "create or replace function refuse_change() returns trigger language plpgsql as"
    " 'begin return null; end'",
    "drop table audit_log",
    "alter table audit_log owner to admin",
    "update alembic_version set version_num = '9999'",
]


@pytest.fixture(autouse=True)
def our_own(server: Server) -> None:
    if not server.ours:
        pytest.skip("NOT RUN: it would change the roles of a server that is not ours")


class Installation:
    """A database with the users of all services, made anew with the passwords of this test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.password = token_hex(8)

    def create_roles(self, *, owners: bool) -> None:
        owner = f"{self.password}-owner" if owners else None
        create_roles(self.url, {schema: Passwords(self.password, owner) for schema in PACKAGES})

    def dsn(self, role: str) -> str:
        password = self.password + ("-owner" if role.endswith("_owner") else "")
        return str(make_dsn(**parse_dsn(self.url) | {"user": role, "password": password}))

    def migrate(self, *, owners: bool) -> None:
        suffix = "_owner" if owners else ""
        migrate(self.dsn(f"admin{suffix}"))
        for package in ("assistant", "sender"):
            upgrade(self.dsn(f"{package}{suffix}"), package, package)

    def query(self, role: str, statement: str, **values: Any) -> Sequence[Any]:
        with closing(psycopg2.connect(self.dsn(role))) as own, own, own.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def installation(new_database: NewDatabase) -> Installation:
    return Installation(new_database())


@pytest.fixture
def separate(installation: Installation) -> Installation:
    installation.create_roles(owners=True)
    installation.migrate(owners=True)
    return installation


@pytest.mark.parametrize("role", PACKAGES)
def test_a_service_owns_nothing_and_may_change_rows_of_every_table(
    separate: Installation, role: str
) -> None:
    assert separate.query(role, OWNED, owner=role) == []
    assert len(separate.query(role, OWNED, owner=f"{role}_owner")) > 10
    tables = dict(separate.query(role, TABLES))
    expected = dict.fromkeys(tables, ROWS) | {"alembic_version": ["SELECT"]}
    if role == "admin":
        expected["audit_log"] = ["INSERT", "SELECT"]
    assert tables == expected
    assert separate.query(role, SEQUENCES) in ([(True,)], [(None,)])
    assert separate.query(role, "select current_schemas(false)") == [([role],)]
    shown = {name: separate.query(role, f"show {name}")[0][0] for name in SETTINGS}
    assert shown == SETTINGS


@pytest.mark.parametrize("role", PACKAGES)
@pytest.mark.parametrize("made", ["table {}.mine (id int)", "schema mine", "table public.mine ()"])
def test_a_service_can_create_nothing(separate: Installation, role: str, made: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        separate.query(role, f"create {made.format(role)}")


@pytest.mark.parametrize("statement", REWRITE)
def test_tenant_admin_can_add_to_the_audit_log_and_never_change_it(
    separate: Installation, statement: str
) -> None:
    separate.query(
        "admin",
        "insert into audit_log (at, actor, request_id, action, object)"
        " values (now(), 'cli:test', 'r', 'test', 'client:1')",
    )
    with pytest.raises(InsufficientPrivilege):
        separate.query("admin", statement)
    assert separate.query("admin", "select actor from audit_log") == [("cli:test",)]


def test_a_new_table_is_the_services_too_as_soon_as_its_owner_has_made_it(
    separate: Installation,
) -> None:
    separate.query("sender_owner", "create table more (id bigint generated always as identity)")
    separate.query("sender_owner", "create unlogged table faster (id serial)")
    for table in ("more", "faster"):
        separate.query("sender", f"insert into {table} default values")
        separate.query("sender", f"update {table} set id = default; delete from {table}")
        with pytest.raises(InsufficientPrivilege):
            separate.query("assistant", f"select from sender.{table}")


def test_who_began_with_one_user_goes_on_with_it(installation: Installation) -> None:
    for _ in range(2):
        installation.create_roles(owners=False)
        installation.migrate(owners=False)
    for role in PACKAGES:
        assert len(installation.query(role, OWNED, owner=role)) > 10
        installation.query(role, "create table mine (id int)")


def test_and_gets_two_without_losing_a_row_while_its_services_run(
    installation: Installation,
) -> None:
    installation.create_roles(owners=False)
    installation.migrate(owners=False)
    with closing(psycopg2.connect(installation.dsn("sender"))) as running:
        running.autocommit = True
        cursor = running.cursor()
        cursor.execute("create table kept as select 7 as id")
        installation.create_roles(owners=True)
        cursor.execute("select id from kept")
        assert cursor.fetchall() == [(7,)], "before the migration has run"
        cursor.execute("update kept set id = 8; select nextval('work_owner')")
        installation.migrate(owners=True)
        cursor.execute("select id from kept")
        assert cursor.fetchall() == [(8,)]
    for role in PACKAGES:
        assert installation.query(role, OWNED, owner=role) == []
    with pytest.raises(InsufficientPrivilege):
        installation.query("admin", "alter table audit_log disable trigger all")
    installation.create_roles(owners=True)
    with pytest.raises(InsufficientPrivilege):
        installation.query("admin", "delete from audit_log")


def test_a_migration_that_cannot_reach_its_database_says_so_in_one_line(
    separate: Installation,
) -> None:
    words = parse_dsn(separate.dsn("sender_owner"))
    url = f"postgresql://sender_owner:wrong-password@{words['host']}:{words['port']}/x"
    for module in ("sender.migrate", "tenant_admin.migrate"):
        done = subprocess.run(
            [sys.executable, "-m", module],
            env={"PATH": os.defpath, "DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: DATABASE_URL: ")
        assert "password authentication failed" in done.stderr
        assert done.stderr.count("\n") == 1
        assert "wrong-password" not in done.stderr
