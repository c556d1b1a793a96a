"""The audit log: what changed, by whom, and that no line was changed since."""

import asyncio
import os
import pwd
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command as alembic
from tests.support.postgres import NewDatabase, driver_url
from tests.support.tenant_admin import KEY, Admin, Ran, command

from common.postgres.migrate import configuration, upgrade
from tenant_admin.core.audit_chain import ChainHash, Verified, newest_hash, verify

pytestmark = pytest.mark.integration
Manage = Callable[..., Ran]
LINE = """insert into audit_log (at, actor, request_id, action, object, changes)
values (%(at)s, %(actor)s, 'r', 'test', 'client:1', cast(%(changes)s as jsonb))"""
ODD = 'Ñandú "x"\\ \t\n\u0001\x7f\u0085\u2028\u202e😀</script>'
# What an owner, or who has the administrator's password, could do to the log.
TAMPERING = {
    "line 2 was changed": "update audit_log set actor = 'key:alice' where id = 2",
    "line 3 is gone": "delete from audit_log where id = 3",
    "position 3 is missing": "delete from audit_log where id = 3; delete from audit_chain"
    " where line_id = 3",
    "line 4 was changed, or one before it": "update audit_log set changes = '[]' where id = 4",
    "line 1 was changed, or one before it": "update audit_chain set hash = repeat('0', 64)"
    " where position = 1",
    "line 5 was changed, or one before it": "update audit_log set at = at + interval '1 us'"
    " where id = 5",
    "line 9 is not in the chain": "alter table audit_log disable trigger all; insert into audit_log"
    " (id, at, actor, request_id, action, object) overriding system value values"
    " (9, now(), 'x', 'r', 'x', 'x')",
}


class Log:
    """The audit log of a database, written as its owner can."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(driver_url(url), pool_size=20)

    def read(self, query: Callable[[sa.Connection], Any]) -> Any:
        with self.engine.begin() as connection:
            return query(connection)

    def add(self, actor: str = "key:crm", changes: str = '[{"after": 0.10}]') -> None:
        values = {"at": datetime.now(UTC), "actor": actor, "changes": changes}
        self.read(lambda connection: connection.exec_driver_sql(LINE, values))

    def tamper(self, statements: str) -> None:
        off = "alter table {0} disable trigger {0}_append_only;"
        self.read(
            lambda connection: connection.exec_driver_sql(
                off.format("audit_log") + off.format("audit_chain") + statements
            )
        )

    def verified(self, kept: ChainHash | None = None) -> Verified:
        return verify(self.read, kept)


@pytest.fixture
def log(url: str) -> Any:
    made = Log(f"{url}?options=-csearch_path%3Dadmin")
    yield made
    made.engine.dispose()


@pytest.fixture
def manage(url: str) -> Manage:
    return partial(command, "manage_clients.py", DATABASE_URL=url)


async def audit(admin: Admin, **query: str) -> list[Any]:
    answer = await admin.http.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_m4b_a_line_says_which_fields_changed_from_what_to_what(admin: Admin) -> None:
    made = await admin.add()
    patch = {"name": "La Plaza Nueva", "settings": {"language": "en"}}
    assert (await admin.http.patch(f"/v1/clients/{made['id']}", json=patch)).is_success
    [line] = await audit(admin, action="client.change")
    changes = {each["field"]: (each["before"], each["after"]) for each in line["changes"]}
    assert changes["name"] == ("Restaurante La Plaza", "La Plaza Nueva")
    assert changes["settings.language"] == ("es", "en")
    assert set(changes) == {"name", "settings.language", "version", "updated_at"}
    assert re.fullmatch("[0-9a-f]{64}", line["hash"])


async def test_m4b_a_new_version_says_what_differs_from_the_one_before(admin: Admin) -> None:
    await admin.add()
    new = {"name": "La Plaza", "instructions": "Privado. " * 200, "temperature": 0.5}
    path = "/v1/assistants/asst_abc123xyz/versions"
    assert (await admin.http.post(path, json=new)).status_code == 201
    [line] = await audit(admin, action="assistant.version")
    changes = {each["field"]: (each["before"], each["after"]) for each in line["changes"]}
    assert changes["temperature"] == (None, 0.5)
    assert changes["instructions"][1]["bytes"] == 1802
    assert "Privado" not in str(line)


async def test_m4b_no_word_or_number_of_a_contact_is_kept(admin: Admin) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}/conversations/34600111222/say"
    answer = await admin.http.post(path, json={"text": "Soy Marta, nos vemos."})
    assert answer.is_success, answer.text
    [line] = await audit(admin, action="conversation.say")
    assert "Marta" not in str(line)
    assert "34600111222" not in str(line)
    assert {"field": "text", "before": None, "after": {"withheld": True}} in line["changes"]


async def test_m4c_lines_are_found_by_actor_object_client_action_and_time(admin: Admin) -> None:
    first = await admin.add()
    second = await admin.add(phone_number_id="22222")
    key = await admin.http.post("/v1/keys", json={"name": "crm", "scopes": ["clients:write"]})
    mine = {"Authorization": f"Bearer {key.json()['key']}"}
    path = f"/v1/clients/{second['id']}/deactivate"
    assert (await admin.http.post(path, headers=mine)).is_success
    by_crm = await audit(admin, actor="key:crm")
    assert [line["action"] for line in by_crm] == ["client.deactivate"]
    of_first = await audit(admin, client=str(first["id"]))
    assert {line["object"] for line in of_first} == {f"client:{first['id']}"}
    about = await audit(admin, object="assistant:asst_abc123xyz")
    assert [line["action"] for line in about] == ["assistant.create"]
    assert len(await audit(admin, action="client.create")) == 2
    now = datetime.now(UTC)
    assert await audit(admin, since=(now + timedelta(hours=1)).isoformat()) == []
    assert await audit(admin, until=(now - timedelta(hours=1)).isoformat()) == []
    assert len(await audit(admin, since=(now - timedelta(hours=1)).isoformat())) == 5
    assert (await admin.http.get("/v1/audit", params={"since": "yesterday"})).status_code == 422


def test_m4d_every_line_is_chained_whatever_is_in_it(log: Log) -> None:
    assert log.verified() == Verified(ChainHash(0, ""))
    for actor in (ODD, "key:crm"):
        log.add(actor, '[{"after": 1.50, "x": "\\u00f1 \\" \\u0007"}]')
    verified = log.verified()
    assert (verified.head.position, verified.broken) == (2, None)
    assert log.read(newest_hash) == verified.head


@pytest.mark.parametrize("broken", TAMPERING)
def test_m4d_the_first_line_that_is_not_as_it_was_written_is_named(log: Log, broken: str) -> None:
    for _ in range(6):
        log.add()
    assert log.verified().broken is None
    log.tamper(TAMPERING[broken])
    assert broken in (log.verified().broken or "")


def test_m4d_a_chain_made_anew_does_not_match_a_hash_that_was_kept(log: Log) -> None:
    for _ in range(3):
        log.add()
    kept = log.read(newest_hash)
    log.add()
    assert log.verified(kept).broken is None
    log.tamper("delete from audit_chain; delete from audit_log")
    for _ in range(2):
        log.add("key:alice")
    assert log.verified().broken is None, "it is whole in itself"
    assert "it ends before the hash that was kept" in (log.verified(kept).broken or "")
    for _ in range(2):
        log.add("key:alice")
    assert "has another hash than the one kept" in (log.verified(kept).broken or "")


def test_m4d_many_writers_at_once_make_one_chain(log: Log) -> None:
    """Each transaction writes its first line, waits for all others, and writes another: with a lock
    that is held from the first line on, all but one would wait for ever."""
    writers = 12
    all_have_written = Barrier(writers, timeout=60)

    def write(number: int) -> None:
        values = {"at": datetime.now(UTC), "actor": f"key:{number}", "changes": "[]"}
        with log.engine.begin() as connection:
            connection.exec_driver_sql(LINE, values)
            all_have_written.wait()
            connection.exec_driver_sql(LINE, values)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert log.verified().head.position == 2 * writers
    assert log.verified().broken is None


async def test_m4d_changes_at_once_through_the_api_make_one_chain(admin: Admin, log: Log) -> None:
    numbers = [str(10_000 + n) for n in range(12)]
    made = await asyncio.gather(*(admin.add(phone_number_id=number) for number in numbers))
    paths = [f"/v1/clients/{client['id']}/deactivate" for client in made]
    answers = await asyncio.gather(*(admin.http.post(path) for path in paths * 2))
    assert all(answer.is_success for answer in answers)
    verified = await asyncio.to_thread(log.verified)
    assert (verified.head.position, verified.broken) == (1 + 12 + 12, None)


def test_m4d_lines_of_before_the_chain_are_chained_and_a_line_says_so(
    new_database: NewDatabase,
) -> None:
    url = new_database(("tenant_admin", "admin"))
    log = Log(f"{url}?options=-csearch_path%3Dadmin")
    config = configuration("tenant_admin")

    def to_before(connection: sa.Connection) -> None:
        config.attributes.update(connection=connection, schema="admin")
        alembic.downgrade(config, "-1")

    log.read(to_before)
    old = """insert into audit_log (at, actor, request_id, action, object)
    select now(), 'key:' || n, 'r', 'a', 'b' from generate_series(1, 3) n"""
    log.read(lambda connection: connection.exec_driver_sql(old))
    upgrade(url, "tenant_admin", "admin")
    log.add()
    assert (log.verified().head.position, log.verified().broken) == (5, None)
    said = "select actor, action, changes from audit_log where id = 4"
    [line] = log.read(lambda connection: list(connection.exec_driver_sql(said)))
    assert tuple(line) == (
        "migration",
        "audit.chained",
        [{"field": "lines", "before": None, "after": 3}],
    )
    log.tamper("update audit_log set actor = 'key:alice' where id = 2")
    assert "line 2 was changed" in (log.verified().broken or "")
    log.engine.dispose()


def test_m4d_the_command_verifies_and_says_the_newest_hash(log: Log, manage: Manage) -> None:
    assert manage("audit", "head").returncode == 2
    for _ in range(3):
        log.add()
    head = manage("audit", "head").stdout.strip()
    assert re.fullmatch("3:[0-9a-f]{64}", head)
    good = manage("audit", "verify", "--kept", head)
    assert (good.returncode, good.stderr) == (0, "")
    assert head in good.stdout
    assert manage("audit", "verify", "--kept", "3:xyz").returncode == 2
    log.tamper("update audit_log set actor = 'key:alice' where id = 2")
    bad = manage("audit", "verify")
    assert bad.returncode == 1
    assert "Broken after 1 good lines. line 2 was changed" in bad.stdout


def test_m4c_the_command_lists_who_changed_what(manage: Manage) -> None:
    add = ("add", "La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz")
    assert manage(*add).returncode == 0
    assert manage("set", "1", "language=en").returncode == 0
    listed = manage("audit", "list", "--client", "1", "--action", "client.change")
    assert listed.returncode == 0, listed.stderr
    assert "settings.language: es → en" in listed.stdout
    assert manage("audit", "list", "--since", "soon").returncode == 2


def test_m4e_who_ran_a_command_is_not_what_logname_says(manage: Manage, log: Log) -> None:
    add = ("add", "La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz")
    forged = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "alice")
    assert manage(*add, **forged).returncode == 0
    actors = log.read(
        lambda connection: set(connection.exec_driver_sql("select actor from audit_log").scalars())
    )
    me = pwd.getpwuid(os.getuid()).pw_name
    assert actors == {f"cli:{me}@{socket.gethostname()[:64]}"}


async def test_m4b_no_secret_of_a_request_is_in_the_log(admin: Admin) -> None:
    made = await admin.add()
    key = (await admin.http.post("/v1/keys", json={"name": "k", "scopes": ["audit:read"]})).json()
    text = str(await audit(admin))
    assert key["key"] not in text
    assert key["key"].rsplit("_", 1)[-1] not in text
    assert KEY not in text
    assert made["phone_number_id"] in text
