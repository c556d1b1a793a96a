"""H3, M4, L2: keys of some clients, what they see and may give, and the database's own wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.support.postgres import NewDatabase
from tests.support.tenant_admin import Admin

from common.postgres.migrate import configuration, migration_engine
from tenant_admin.core.own_clients import limit
from tenant_admin.core.tables import SCHEMA

pytestmark = pytest.mark.integration
VERSION = {"name": "A", "instructions": "Open at noon."}


@dataclass
class Two:
    """Two clients, each with an assistant of its own."""

    admin: Admin
    own: int
    other: int

    async def key(self, **form: Any) -> "Caller":
        rights = {} if "scopes" in form else {"role": "administrator"}
        form = {"name": f"key {form}"[:80], **rights, **form}
        answer = await self.admin.http.post("/v1/keys", json=form)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return Caller(self.admin.http, made["key"], made["prefix"])

    async def limited(self, **form: Any) -> "Caller":
        return await self.key(clients=[self.own], **form)


@dataclass
class Caller:
    http: httpx.AsyncClient
    secret: str
    prefix: str

    async def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret}"} | more.pop("headers", {})
        return await self.http.request(method, f"/v1{path}", headers=headers, **more)

    async def items(self, path: str) -> list[Any]:
        items: list[Any] = (await self("GET", path)).json()["items"]
        return items


@pytest.fixture
async def two(either: Admin) -> Two:
    return await two_clients(either)


async def two_clients(admin: Admin) -> Two:
    own = await admin.add(name="Own", assistant_id="asst_own", phone_number_id="10001")
    other = await admin.add(name="Other", assistant_id="asst_other", phone_number_id="10002")
    return Two(admin, own["id"], other["id"])


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["field"]


async def test_h3_what_is_of_others_is_in_no_list_and_no_search(two: Two) -> None:
    await two.key(name="of the other", clients=[two.other])
    key = await two.limited(name="mine")
    assert [client["id"] for client in await key.items("/clients")] == [two.own]
    assert await key.items("/clients?search=Other") == []
    assert await key.items("/clients?phone_number_id=10002") == []
    assert [each["assistant_id"] for each in await key.items("/assistants")] == ["asst_own"]
    assert await key.items("/assistants?search=other") == []
    assert [each["name"] for each in await key.items("/keys")] == ["mine"]
    assert {line["object"] for line in await key.items("/audit")} == {f"client:{two.own}"}
    assert await key.items(f"/audit?object=client:{two.other}") == []
    assert len(await (await two.key()).items("/clients")) == 2


async def test_h3_a_key_with_keys_admin_gives_no_more_than_it_has(two: Two) -> None:
    key = await two.limited(scopes=["keys:admin", "clients:read"])
    given: dict[str, Any] = {"name": "b", "scopes": ["clients:read"], "clients": [two.own]}
    cases: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"scopes": ["clients:write"]}, (403, "scopes")),
        ({"scopes": None, "role": "viewer"}, (403, "scopes")),
        ({"clients": None}, (403, "clients")),
        ({"clients": [two.own, two.other]}, (422, "clients")),
        ({"clients": [9999]}, (422, "clients")),
    ]
    for change, expected in cases:
        assert refused(await key("POST", "/keys", json=given | change)) == expected, change
    made = (await key("POST", "/keys", json=given)).json()
    assert (made["scopes"], made["clients"], made["role"]) == (["clients:read"], [two.own], None)
    assert (await key("DELETE", f"/keys/{made['prefix']}")).json()["revoked"] is not None


async def test_h3_a_key_that_ends_makes_none_that_lives_longer(two: Two) -> None:
    key = await two.key(expires="2027-06-01T00:00:00Z")
    form = {"name": "b", "role": "viewer"}
    for expires in (None, "2027-06-01T00:00:01Z"):
        answer = await key("POST", "/keys", json=form | {"expires": expires})
        assert refused(answer) == (403, "expires")
    same = form | {"expires": "2027-06-01T00:00:00Z"}
    assert (await key("POST", "/keys", json=same)).status_code == 201


async def test_h3_a_key_revokes_none_that_allows_more_and_none_of_other_clients(two: Two) -> None:
    stronger = await two.limited(name="stronger")
    others = await two.key(name="of the other", clients=[two.other], role="viewer")
    of_all = await two.key(name="of all", role="viewer")
    key = await two.limited(name="maker", scopes=["keys:admin"])
    assert refused(await key("DELETE", f"/keys/{stronger.prefix}")) == (403, "scopes")
    for foreign in (others, of_all):
        assert refused(await key("DELETE", f"/keys/{foreign.prefix}")) == (404, "prefix")
        assert (await foreign("GET", "/clients")).status_code == 200
    everything = await two.key(name="unlimited maker", scopes=["keys:admin"])
    assert refused(await everything("DELETE", f"/keys/{others.prefix}")) == (403, "scopes")


async def test_h3_secrets_and_numbers_have_scopes_of_their_own(two: Two) -> None:
    path = f"/clients/{two.own}"
    key = await two.key(name="editor", role="editor")
    token = {"value": "a-token-of-tests"}
    any_version = {"If-Match": "*"}
    secret = f"{path}/secrets/access_token"
    for answer in (
        await key("PUT", secret, json=token, headers=any_version),
        await key("DELETE", secret, headers=any_version),
        await key("PATCH", path, json={"phone_number_id": "10003"}, headers=any_version),
        await key("PATCH", path, json={"phone_number": "+34600000009"}, headers=any_version),
    ):
        assert refused(answer) == (403, "Authorization")
    same = {"name": "New", "phone_number_id": "10001"}
    assert (await key("PATCH", path, json=same, headers=any_version)).status_code == 200
    strong = await two.limited(name="strong")
    moved = {"phone_number_id": "10003", "phone_number": "+34600000009"}
    assert (await strong("PATCH", path, json=moved, headers=any_version)).status_code == 200
    assert (await strong("PUT", secret, json=token, headers=any_version)).status_code == 200


async def test_h3_a_taken_number_is_refused_without_saying_whose_it_is(two: Two) -> None:
    key = await two.limited()
    taken = [{"phone_number_id": "10002"}, {"phone_number": "+34000010002"}]
    for change in taken:
        path, headers = f"/clients/{two.own}", {"If-Match": "*"}
        answer = await key("PATCH", path, json=change, headers=headers)
        assert refused(answer) == (409, next(iter(change)))
        assert "already belongs to another client" in answer.text
        of_all = await two.admin.http.patch(f"/v1{path}", json=change)
        assert f"already belongs to client {two.other}" in of_all.text


async def test_h3_an_assistant_is_of_the_clients_that_use_it(two: Two) -> None:
    key = await two.limited()
    headers = {"If-Match": "*"}
    mine = await key("POST", "/assistants/asst_own/versions", json=VERSION, headers=headers)
    assert mine.status_code == 201
    path = f"/clients/{two.own}"
    for name in ("asst_other", "asst_nobody"):
        answer = await key("PATCH", path, json={"assistant_id": name}, headers=headers)
        assert refused(answer) == (422, "assistant_id")
    await two.admin.http.patch(f"/v1/clients/{two.other}", json={"assistant_id": "asst_own"})
    assert (await key("GET", "/assistants/asst_own")).status_code == 200
    for method, rest, form in (
        ("POST", "/versions", VERSION),
        ("POST", "/publish", {"version": 1}),
        ("DELETE", "", None),
    ):
        answer = await key(method, f"/assistants/asst_own{rest}", json=form, headers=headers)
        assert refused(answer) == (403, "assistant_id")


async def test_h3_a_repeat_of_another_keys_request_is_a_request_of_its_own(two: Two) -> None:
    first, second = await two.limited(name="first"), await two.key(name="2", clients=[two.other])
    form = {"name": "made", "role": "viewer", "clients": [two.own]}
    headers = {"Idempotency-Key": "once"}
    made = await first("POST", "/keys", json=form, headers=headers)
    assert made.status_code == 201
    assert (await first("POST", "/keys", json=form, headers=headers)).json() == made.json()
    answer = await second("POST", "/keys", json=form, headers=headers)
    assert refused(answer) == (422, "clients")


async def test_m4_names_of_valid_keys_are_unique_and_none_is_bootstrap(two: Two) -> None:
    crm = await two.key(name="crm")
    ours = {"role": "viewer", "clients": [two.own]}
    for name in ("crm", "CRM", "bootstrap", "Bootstrap"):
        answer = await two.admin.http.post("/v1/keys", json=ours | {"name": name})
        assert refused(answer) == (409, "name")
    limited = await two.limited(name="limited")
    assert refused(await limited("POST", "/keys", json=ours | {"name": "crm"})) == (409, "name")
    await two.admin.http.delete(f"/v1/keys/{crm.prefix}")
    assert (await two.admin.http.post("/v1/keys", json=ours | {"name": "crm"})).is_success


async def test_l2_a_braked_network_costs_no_look_into_the_database(two: Two) -> None:
    right, late = await two.key(name="right"), await two.key(name="late")
    assert (await right("GET", "/clients")).status_code == 200
    wrong = Caller(two.admin.http, "csj_aaaaaaaa_" + "x" * 43, "")
    statuses = [(await wrong("GET", "/clients")).status_code for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    lines = await two.admin.rows("select object from audit_log where action = 'key.refused'")
    assert lines == [("remote:127.0.0.1",)]
    assert (await right("GET", "/clients")).status_code == 200
    assert (await late("GET", "/clients")).status_code == 429
    assert await two.admin.rows(
        f"select last_used is null from api_key where prefix = '{late.prefix}'"
    ) == [(True,)]


# The first wall left out: raw statements in a transaction of a key of some clients.
OF_CLIENTS = ["client_secret", "client_usage", "number_replies", "priced_replies"]
FILL = """
insert into client_secret select id, 'access_token', 'sealed' from clients;
insert into client_usage select id, '2026-11-01', 1, 0, 1, 0, 0, 1, 0, 1 from clients;
insert into number_replies select id, phone_number_id, '2026-11-01', 1 from clients;
insert into priced_replies select id, '2026-11-01', 'service', 'regular', 1 from clients;
"""


class Wall:
    """A transaction of a key of the first client."""

    def __init__(self, two: Two) -> None:
        self.two = two

    async def __call__(self, statement: str) -> Sequence[Any]:
        def run(connection: sa.Connection) -> Sequence[Any]:
            limit(connection, frozenset({self.two.own}))
            result = connection.exec_driver_sql(statement)
            return result.all() if result.returns_rows else [(result.rowcount,)]

        return await self.two.admin.database.transaction(run)


@pytest.fixture
async def wall(installed: Admin) -> Wall:
    two = await two_clients(installed)
    for place in ("own", "other"):
        await two.key(name=place, clients=[getattr(two, place)])

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql(FILL)

    await installed.database.transaction(fill)
    return Wall(two)


async def test_h3_the_database_shows_no_row_of_others_to_a_query_without_a_filter(
    wall: Wall,
) -> None:
    two = wall.two
    assert await wall("select id from clients") == [(two.own,)]
    for table in OF_CLIENTS:
        assert await wall(f"select client_id from {table}") == [(two.own,)]
    assert await wall("select assistant_id from assistant") == [("asst_own",)]
    assert await wall("select assistant_id from assistant_version") == [("asst_own",)]
    assert await wall("select clients from api_key") == [([two.own],)]
    assert await wall(f"select name from clients where id = {two.other} for update") == []


async def test_h3_the_database_changes_no_row_of_others(wall: Wall) -> None:
    two = wall.two
    for table, column in (*((table, "client_id") for table in OF_CLIENTS), ("clients", "id")):
        changed = await wall(
            f"update {table} set {column} = {column} where {column} <> {two.own}"
            if table != "clients"
            else f"update clients set name = 'x' where id = {two.other}"
        )
        assert changed == [(0,)], table
        assert await wall(f"delete from {table} where {column} = {two.other}") == [(0,)]
    assert await wall("update assistant set name = 'x' where assistant_id = 'asst_other'") == [(0,)]
    for statement in (
        f"insert into client_secret values ({two.other}, 'openai_api_key', 'x')",
        f"update client_secret set client_id = {two.other}",
        "update api_key set clients = null",
        f"update api_key set clients = '{{{two.own},{two.other}}}'",
        "insert into assistant values ('asst_x', 'x', 1, 1, now())",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            await wall(statement)


async def test_the_limit_ends_with_its_transaction_and_the_service_itself_has_none(
    wall: Wall,
) -> None:
    """Also on the same connection, whose setting is then empty and not absent."""
    for _ in range(3):
        assert await wall("select count(*) from clients") == [(1,)]
        assert await wall.two.admin.rows("select count(*) from clients") == [(2,)]


async def test_every_table_that_names_a_client_has_a_policy(installed: Admin) -> None:
    of_clients = await installed.rows(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'admin'::regnamespace and c.relkind = 'r'"
        " and a.attname in ('client_id', 'clients', 'assistant_id') and not c.relrowsecurity"
    )
    assert of_clients == []


def test_keys_of_before_keep_what_they_could_do(new_database: NewDatabase) -> None:
    from alembic import command

    url = new_database(("tenant_admin", SCHEMA))
    engine = migration_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"set local search_path = {SCHEMA}")
        config = configuration("tenant_admin")
        config.attributes.update(connection=connection, schema=SCHEMA)
        command.downgrade(config, "0007")
        connection.exec_driver_sql(
            "insert into api_key (prefix, name, hash, scopes, created_at, created_by) values"
            " ('aaaaaaaa', 'crm', 'x', '{clients:read,clients:write}', now(), 'cli:test'),"
            " ('bbbbbbbb', 'bi', 'x', '{clients:read}', now(), 'cli:test')"
        )
        command.upgrade(config, "head")
        rows = connection.exec_driver_sql(
            "select name, scopes, allows, clients, role from api_key order by prefix"
        ).all()
    engine.dispose()
    read, write = "clients:read", "clients:write"
    assert rows == [
        ("crm", [read, write], [read, write, "secrets:write", "numbers:write"], None, None),
        ("bi", [read], [read], None, None),
    ]
