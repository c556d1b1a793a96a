"""A real PgBouncer in front of a test's PostgreSQL; NOT RUN where the machine has none."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr
from tests.support.waiting import eventually

from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from devkit.stack.postgres_home import server_user
from devkit.stack.server_process import end, last_words, spawn
from devkit.stack.system import DATABASE, SCHEMAS, Plan

NOT_RUN = "NOT RUN: no pgbouncer on this machine (apt-get install pgbouncer)"
# No ignore_startup_parameters: as it is installed, it refuses `options`.
SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {pool_mode}
default_pool_size = {sessions}
max_client_conn = 500
"""


def find_pgbouncer() -> str | None:
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextlib.contextmanager
def pgbouncer(
    server_url: str,
    passwords: Mapping[str, str],
    home: Path,
    pool_mode: str = "transaction",
    sessions: int = 4,
) -> Iterator[str]:
    """Yields its host:port. passwords: of the users that may go through it.

    sessions: of the server, for each user and database. `home`: `nobody` can enter it.
    """
    program = find_pgbouncer()
    if program is None:
        pytest.skip(NOT_RUN)
    folder, server, (port,) = home / f"pgbouncer-{pool_mode}", parse_dsn(server_url), free_ports(1)
    folder.mkdir(exist_ok=True)
    users, config = folder / f"users-{port}", folder / f"{port}.ini"
    users.write_text("".join(f'"{user}" "{word}"\n' for user, word in passwords.items()))
    config.write_text(
        SETTINGS.format(
            host=server["host"],
            port=server["port"],
            listen_port=port,
            users=users,
            pool_mode=pool_mode,
            sessions=sessions,
        )
    )
    log = folder / f"{port}.log"
    process = spawn([program, config], log=log, death=signal.SIGTERM, user=server_user())
    try:
        address = f"127.0.0.1:{port}"
        eventually(lambda: answers(address) or process.poll() is not None, "PgBouncer to listen")
        assert process.poll() is None, last_words(log)
        yield address
    finally:
        end(process, signal.SIGTERM, 5)


def answers(address: str) -> bool:
    """It does when it refuses a user that it does not know."""
    try:
        psycopg2.connect(f"postgresql://nobody-at-all:x@{address}/x", connect_timeout=2).close()
    except psycopg2.OperationalError as error:
        return "refused" not in str(error)
    return True


@contextlib.contextmanager
def behind_pgbouncer(plan: Plan) -> Iterator[Plan]:
    """The plan on a PostgreSQL of its own, to which the services go through PgBouncer in
    transaction mode: CONSERJE_TESTS_POOLER=pgbouncer."""
    if (wish := os.environ["CONSERJE_TESTS_POOLER"]) != "pgbouncer":
        pytest.fail(f"CONSERJE_TESTS_POOLER is {wish!r}: set pgbouncer or nothing", pytrace=False)
    postgres = LocalPostgres.start(plan.home / "postgres", free_ports(1)[0])
    try:
        postgres.create_database(DATABASE)
        postgres.create_roles(DATABASE, SCHEMAS.values())
        passwords = {role: postgres.password(role) for role in SCHEMAS.values()}
        with pgbouncer(postgres.url(), passwords, plan.home) as address:
            extra = dict(plan.extra)
            for service, role in SCHEMAS.items():
                extra[service] = {
                    "DATABASE_URL": f"postgresql://{role}:{passwords[role]}@{address}/{DATABASE}",
                    "DATABASE_DIRECT_HOST": f"127.0.0.1:{postgres.port}",
                }
            outside = plan.outside.model_copy(
                update={"database_url": SecretStr(postgres.url(DATABASE))}
            )
            yield replace(plan, outside=outside, extra=extra)
    finally:
        postgres.stop()
