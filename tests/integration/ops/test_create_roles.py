"""The job that makes one user and one schema per service."""

import os
import subprocess
import sys

import psycopg2
import pytest
import sqlalchemy as sa
from tests.support.postgres import NewDatabase, Server

pytestmark = pytest.mark.integration
ROLES = ("admin", "assistant", "sender")


@pytest.fixture(autouse=True)
def our_own(server: Server) -> None:
    if not server.ours:
        pytest.skip("NOT RUN: it would change the roles of a server that is not ours")


def urls_on(database: str, password: str) -> dict[str, str]:
    url = sa.engine.make_url(database)
    return {
        f"{role.upper()}_DATABASE_URL": url.set(username=role, password=password).render_as_string(
            hide_password=False
        )
        for role in ROLES
    }


def run(**settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ops.create_roles"],
        env={"PATH": os.defpath, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_service_gets_a_user_that_owns_its_schema_and_a_repeat_changes_the_password(
    new_database: NewDatabase,
) -> None:
    database = new_database()
    for password in ("first-password", "second-password"):
        urls = urls_on(database, password)
        done = run(DATABASE_URL=database, **urls)
        assert done.returncode == 0, done.stderr
        assert password not in done.stdout + done.stderr
        for role in ROLES:
            with psycopg2.connect(urls[f"{role.upper()}_DATABASE_URL"]) as connection:
                cursor = connection.cursor()
                cursor.execute("create table if not exists mine (id int)")
                cursor.execute("select schemaname from pg_tables where tablename = 'mine'")
                assert (role,) in cursor.fetchall()
            connection.close()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(urls_on(database, "first-password")["ADMIN_DATABASE_URL"])


def test_a_url_of_another_user_is_refused_by_name_and_nothing_is_done(
    new_database: NewDatabase,
) -> None:
    database = new_database()
    urls = urls_on(database, "some-password")
    urls["SENDER_DATABASE_URL"] = urls["ADMIN_DATABASE_URL"]
    done = run(DATABASE_URL=database, **urls)
    assert done.returncode == 2
    assert done.stderr.startswith("settings: SENDER_DATABASE_URL must be postgresql://sender:")
    assert "some-password" not in done.stderr


def as_superuser(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    for statement in statements:
        connection.cursor().execute(statement)
    connection.close()


def test_the_administrator_of_a_managed_database_needs_not_be_superuser(
    new_database: NewDatabase, server: Server
) -> None:
    url = sa.engine.make_url(new_database())
    as_superuser(
        server.url,
        "drop role if exists keeper, admin, assistant, sender",
        "create role keeper login createrole password 'keep-it'",
        f"alter database {url.database} owner to keeper",
    )
    keeper = url.set(username="keeper", password="keep-it").render_as_string(hide_password=False)
    urls = urls_on(keeper, "of-a-service")
    for _ in range(2):
        done = run(DATABASE_URL=keeper, **urls)
        assert done.returncode == 0, done.stderr
    as_superuser(urls["SENDER_DATABASE_URL"], "create table mine (id int)")
