"""`manage_clients.py rings` as operators run it; the service seals with what it may have."""

import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.kafka import Broker
from tests.support.processes import running_service
from tests.support.records import await_events
from tests.support.rings import rings_of_before
from tests.support.tenant_admin import KEY, Admin, Ran, command, running
from tests.support.waiting import eventually

from common.events import TenantConfig
from common.key_rings import FIELDS, KeyRings, Unsealable
from common.sealed import kid_of, seal, unseal
from common.service.tracing import new_trace_id
from common.topics import TENANTS_CONFIG
from devkit.stack.ports import free_ports
from ops.service_rings import rings_for
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.client_secrets import rewrap_some
from tenant_admin.core.ring_changes import rotated

pytestmark = pytest.mark.integration
SECRET = "EAAG-secret-of-la-plaza"
Rings = Callable[..., Ran]


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """The operator's file, with every private key."""
    file = tmp_path / "key_ring"
    file.write_text(rings_of_before().text())
    return file


@pytest.fixture
def rings(url: str, kafka: Broker, master: Path) -> Rings:
    def run(*words: str, stdin: str = "", **more: str) -> Ran:
        variables = {"DATABASE_URL": url, **kafka.settings.kafka_environment()}
        variables |= {"KEY_RING_FILE": str(master)} | more
        return command("manage_clients.py", "rings", *words, stdin=stdin, **variables)

    return run


@pytest.fixture
async def admin(url: str, kafka: Broker, master: Path) -> AsyncIterator[Admin]:
    """Its file is not the operator's."""
    async with running(url, kafka.settings, master.with_name("of_the_admin")) as started:
        yield started


def give(master: Path) -> KeyRings:
    """What ops.service_rings, or the job of secrets, does for tenant-admin."""
    rings = KeyRings.read(master)
    master.with_name("of_the_admin").write_text(rings_for("tenant-admin", rings).text())
    return rings


async def put(admin: Admin, client: int, field: str = "access_token", value: str = SECRET) -> None:
    path = f"/v1/clients/{client}/secrets/{field}"
    assert (await admin.http.put(path, json={"value": value})).status_code == 200


async def stored(admin: Admin) -> dict[str, str]:
    rows = await admin.rows("select field, sealed from client_secret")
    return {row.field: row.sealed for row in rows}


async def test_m9b_from_symmetric_keys_to_pairs_without_a_pause(
    admin: Admin, kafka: Broker, master: Path, rings: Rings
) -> None:
    before = give(master)
    client = (await admin.add())["id"]
    for field in FIELDS:
        await put(admin, client, field)
    assert rings("rotate").returncode == 0
    after = give(master)
    old = await stored(admin)
    assert all(unseal(after.ring(field), client, field, old[field]) == SECRET for field in FIELDS)
    await put(admin, client, "access_token", "EAAG-a-newer-one")  # between rotation and re-sealing
    assert "re-wrapped: 1" in rings("rewrap").stderr
    assert "re-wrapped: 0" in rings("rewrap").stderr
    now = await stored(admin)
    for field, secret in (("access_token", "EAAG-a-newer-one"), ("openai_api_key", SECRET)):
        assert unseal(after.ring(field), client, field, now[field]) == secret
        with pytest.raises(Unsealable):
            unseal(before.ring(field), client, field, now[field])
        of_the_admin = KeyRings.read(master.with_name("of_the_admin")).ring(field)
        with pytest.raises(Unsealable, match="public half"):
            unseal(of_the_admin, client, field, now[field])
    [*_, last] = await_events(kafka.settings, TENANTS_CONFIG, TenantConfig, 5)
    assert (last.access_token, last.openai_api_key) == (
        now["access_token"],
        now["openai_api_key"],
    )


async def test_m9e_a_rotation_and_the_end_of_the_old_key(
    admin: Admin, master: Path, rings: Rings
) -> None:
    before = give(master)
    await put(admin, (await admin.add())["id"])
    assert rings("rotate", "--prepare").returncode == 0
    prepared = give(master)
    assert prepared.ring("access_token").active == "k1"
    assert KeyRings.read(master.with_name("key_ring.previous")) == before
    assert rings("rotate").returncode == 0
    give(master)
    refused = rings("retire", "k1")
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: key: 'k1' still seals 1 secret(s); `rings rewrap` first\n",
    )
    assert rings("rewrap").returncode == 0
    assert rings("retire", "k1").returncode == 0
    left = KeyRings.read(master)
    assert not any("k1" in ring.keys for ring in left.given().values())
    assert stat.S_IMODE(master.stat().st_mode) == 0o600
    assert "k1" in KeyRings.read(master.with_name("key_ring.previous")).ring("access_token").keys


async def test_m9d_rewrapping_with_a_ring_that_lacks_a_key_is_a_line_and_changes_nothing(
    admin: Admin, master: Path, rings: Rings
) -> None:
    give(master)
    client = (await admin.add())["id"]
    await put(admin, client)
    sealed = await stored(admin)
    for lacking in (KeyRings.fresh(), rings_for("tenant-admin", KeyRings.fresh())):
        ran = rings("rewrap", "--ring", "-", stdin=lacking.text())
        assert ran.returncode == 2
        assert ran.stderr.startswith(
            f"error: KEY_RING_FILE: client {client}, access_token: key 'k1'"
        )
        assert "Traceback" not in ran.stderr
    assert await stored(admin) == sealed


def test_the_rings_may_come_by_stdin_and_go_to_stdout(rings: Rings, master: Path) -> None:
    before = KeyRings.fresh()
    ran = rings("rotate", "--ring", "-", stdin=before.text(), KEY_RING_FILE="")
    after = KeyRings.model_validate_json(ran.stdout)
    assert before.lost_in(after) == []
    assert rings("show", "--ring", "-", stdin=after.text()).stdout.count("active") == 2
    assert master.read_text() == rings_of_before().text()


def test_new_rings_are_made_once_and_their_keys_are_not_shown(rings: Rings, master: Path) -> None:
    assert rings("new").returncode == 2, "never over another file"
    master.unlink()
    assert rings("new").returncode == 0
    assert stat.S_IMODE(master.stat().st_mode) == 0o600
    tokens = KeyRings.read(master).ring("access_token")
    shown = rings("show").stdout
    assert shown.splitlines()[0] == f"access_token {tokens.active} private active"
    assert tokens.keys[tokens.active].partition(":")[2] not in shown


@pytest.mark.parametrize("text", ["", "{}", "CANARY", '{"active": "a", "keys": {"a": "CANARY"}}'])
@pytest.mark.parametrize("words", [("rotate",), ("show",), ("rewrap",), ("retire", "k1")])
def test_m9d_a_wrong_file_is_a_line(rings: Rings, words: tuple[str, ...], text: str) -> None:
    ran = rings(*words, "--ring", "-", stdin=text)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: key rings: stdin is no key ring: ")
    assert "CANARY" not in ran.stderr + ran.stdout


async def test_m9c_tenant_admin_waits_for_a_ring_that_has_the_keys_in_use(
    admin: Admin, url: str, kafka: Broker, master: Path, tmp_path: Path
) -> None:
    """Rings of another installation: what it sealed with them, nobody could open."""
    client = (await admin.add())["id"]
    sealed = seal(KeyRings.fresh().ring("access_token"), client, "access_token", SECRET)
    insert = sa.text("insert into client_secret values (:client, 'access_token', :sealed)")
    await admin.database.transaction(
        lambda connection: connection.execute(insert, {"client": client, "sealed": sealed})
    )
    ring = tmp_path / "foreign"
    ring.write_text(rings_for("tenant-admin", KeyRings.fresh()).text())
    variables = {"DATABASE_URL": url, "ADMIN_API_KEY": KEY, "KEY_RING_FILE": str(ring)}
    variables["ADMIN_PORT"] = str(free_ports(1)[0])
    with running_service("tenant_admin", kafka.settings, tmp_path, **variables) as service:
        eventually(lambda: "key_ring_waits" in service.log.read_text(), "it to say so")
        assert f"access_token {kid_of(sealed)}" in service.log.read_text()
        assert not service.is_ready()
        await admin.database.transaction(
            lambda connection: connection.execute(sa.text("delete from client_secret"))
        )
        service.wait_until_ready()


async def test_many_clients_are_rewrapped_a_few_at_a_time(admin: Admin, master: Path) -> None:
    """A transaction holds the rows of few, and what was done stays done."""
    give(master)
    for number in ("100001", "100002", "100003"):
        client = (await admin.add(phone_number_id=number))["id"]
        for field in FIELDS:
            await put(admin, client, field)
    new = rotated(KeyRings.read(master), prepare=False)
    context = ChangeContext("test", None, new_trace_id(), new_trace_id(), datetime.now(UTC))
    some = partial(rewrap_some, context=context, rings=new, at_once=2)
    counts = [(await admin.database.transaction(some)).result for _ in range(3)]
    assert counts == [2, 1, 0]
    kids = await admin.rows("select distinct field, split_part(sealed, '.', 2) from client_secret")
    assert {tuple(row) for row in kids} == {(field, new.ring(field).active) for field in FIELDS}
