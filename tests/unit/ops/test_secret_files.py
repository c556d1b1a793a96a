"""The job that hands every container its own secrets as files."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.support.rings import symmetric_ring

from common.key_rings import FIELDS, KeyRing, KeyRings, SecretField
from ops.secret_files import DEMO_READERS, READERS
from ops.service_rings import OPENED_BY, rings_for

GIVEN = {
    "WHATSAPP_APP_SECRETS": ",".join(("1" * 32, "2" * 32)),
    "WHATSAPP_VERIFY_TOKEN": "verify-us-if-you-can",
    "OPENAI_API_KEY": "sk-of-ours-alone",
}

PUBLIC = rings_for("tenant-admin", KeyRings.fresh()).text()


def run(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ops.secret_files"],
        env={"PATH": os.defpath, "SECRETS_FOLDER": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def read(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_every_reader_gets_its_own_secrets_and_nothing_else(tmp_path: Path) -> None:
    done = run(tmp_path, **GIVEN)
    assert done.returncode == 0, done.stderr
    files = {path for path in read(tmp_path) if not path.startswith("kept/")}
    readers = {reader: names for reader, names in READERS.items() if reader not in DEMO_READERS}
    assert files == {f"{reader}/{name}" for reader, names in readers.items() for name in names}
    assert read(tmp_path)["ingress/whatsapp_app_secrets"] == GIVEN["WHATSAPP_APP_SECRETS"]
    assert read(tmp_path)["sender/whatsapp_access_token"] == "", "clients may have their own"
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert not any(secret in done.stdout for secret in GIVEN.values())


def test_the_database_urls_of_a_service_and_of_the_job_that_makes_its_role_agree(
    tmp_path: Path,
) -> None:
    run(tmp_path, **GIVEN)
    files = read(tmp_path)
    assert files["roles/sender_database_url"] == files["sender/database_url"]
    url = make_url(files["sender/database_url"])
    assert (url.username, url.host, url.port, url.database) == (
        "sender",
        "postgres",
        5432,
        "conserje",
    )
    administrator = make_url(files["roles/database_url"])
    assert administrator.password == files["postgres/password"]
    passwords = {make_url(files[f"roles/{name}"]).password for name in READERS["roles"]}
    assert len(passwords) == 7, "each user has a password of its own"


def test_a_repeat_keeps_what_was_made_up_and_takes_what_is_given_anew(tmp_path: Path) -> None:
    run(tmp_path, **GIVEN)
    before = read(tmp_path)
    run(tmp_path, **GIVEN | {"WHATSAPP_VERIFY_TOKEN": "another-token-of-ours"})
    after = read(tmp_path)
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"ingress/whatsapp_verify_token"}


def test_what_only_the_operator_can_know_is_asked_for_by_name_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    done = run(tmp_path)
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == list(GIVEN)
    assert "set it in .env" in done.stderr
    assert read(tmp_path) == {}


def test_the_demo_needs_nothing_and_knows_its_stand_ins(tmp_path: Path) -> None:
    done = run(tmp_path, PROFILES="demo")
    assert done.returncode == 0, done.stderr
    files = read(tmp_path)
    assert files["assistant/openai_base_url"] == "http://openai:4640/v1"
    assert files["assistant/openai_api_key"] == files["openai/openai_api_key"]
    for reader in ("assistant", "sender", "tenant-admin"):
        assert files[f"{reader}/whatsapp_graph_url"] == "http://whatsapp:8080/v26.0"
        assert files[f"{reader}/whatsapp_access_token"] == files["whatsapp/whatsapp_access_token"]
    for reader in ("whatsapp", "exercise"):
        assert files["ingress/whatsapp_app_secrets"] == files[f"{reader}/whatsapp_app_secrets"]
    assert re.fullmatch("[0-9a-f]{32}", files["ingress/whatsapp_app_secrets"])


def test_a_real_model_may_answer_in_the_demo_and_its_key_reaches_no_stand_in(
    tmp_path: Path,
) -> None:
    url = "https://api.openai.com/v1"
    given = {"OPENAI_API_KEY": "sk-of-ours-alone", "OPENAI_BASE_URL": url}
    assert run(tmp_path, PROFILES="demo", **given).returncode == 0
    holders = {path for path, text in read(tmp_path).items() if text == "sk-of-ours-alone"}
    assert holders == {"assistant/openai_api_key"}
    assert read(tmp_path)["assistant/openai_base_url"] == url


@pytest.mark.parametrize("url", ["", "http://openai:4640/v1"])
def test_m1_a_real_key_is_refused_where_the_stand_in_would_get_it(tmp_path: Path, url: str) -> None:
    done = run(tmp_path, PROFILES="demo", OPENAI_API_KEY="sk-of-ours-alone", OPENAI_BASE_URL=url)
    assert done.returncode == 2
    assert "OPENAI_API_KEY is set, but COMPOSE_PROFILES=demo is the demo" in done.stderr
    assert "OPENAI_BASE_URL=https://api.openai.com/v1 lets the real model answer" in done.stderr
    assert read(tmp_path) == {}


def test_going_live_after_the_demo_asks_for_the_real_ones(tmp_path: Path) -> None:
    run(tmp_path, PROFILES="demo")
    assert run(tmp_path).returncode == 2


def test_l7_what_the_stand_ins_read_is_there_in_a_demo_only(tmp_path: Path) -> None:
    run(tmp_path, PROFILES="demo")
    for reader in DEMO_READERS:
        assert {file.name for file in (tmp_path / reader).iterdir()} == READERS[reader].keys()
    run(tmp_path, **GIVEN)
    assert [file for name in DEMO_READERS for file in (tmp_path / name).iterdir()] == []


def test_l7_what_a_reader_no_longer_has_goes(tmp_path: Path) -> None:
    """An earlier version gave the stand-ins what the load generator has, and more."""
    (tmp_path / "exercise").mkdir()
    (tmp_path / "exercise" / "openai_api_key").write_text("of a demo of before")
    run(tmp_path, PROFILES="demo")
    assert not (tmp_path / "exercise" / "openai_api_key").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KEY_RING", "{}"),
        ("KEY_RING", '{"active": "k1", "keys": {"k1": "' + "A" * 43 + '="}}'),
        ("KEY_RING", PUBLIC),
        ("ADMIN_API_KEY", "short"),
        ("OPENAI_API_KEY", "changeme"),
        ("WHATSAPP_APP_SECRETS", "x"),
        ("WHATSAPP_VERIFY_TOKEN", "dev-only-verify-token"),
    ],
)
def test_a_bad_value_is_named_and_not_quoted(tmp_path: Path, variable: str, value: str) -> None:
    done = run(tmp_path, **GIVEN | {variable: value})
    assert done.returncode == 2
    assert variable in done.stderr
    assert "Traceback" not in done.stderr


def rings_of(folder: Path, reader: str) -> KeyRings:
    return KeyRings.read(folder / reader / "key_ring")


def test_each_service_gets_the_keys_that_it_may_have(tmp_path: Path) -> None:
    run(tmp_path, **GIVEN)
    kept = rings_of(tmp_path, "kept")
    for service in OPENED_BY:
        assert rings_of(tmp_path, service) == rings_for(service, kept)
    assert "private" not in (tmp_path / "tenant-admin" / "key_ring").read_text()
    run(tmp_path, **GIVEN, ADMIN_OPENS_TOKENS="true")
    assert rings_of(tmp_path, "tenant-admin").ring("access_token").opens
    assert not rings_of(tmp_path, "tenant-admin").ring("openai_api_key").opens


def test_a_ring_of_before_goes_on_until_it_is_rotated(tmp_path: Path) -> None:
    """So an upgrade changes nothing, and the version before finds what it left."""
    (tmp_path / "kept").mkdir(mode=0o700)
    (tmp_path / "kept" / "key_ring").write_text(symmetric_ring().model_dump_json())
    assert run(tmp_path, **GIVEN).returncode == 0
    files = {file.read_text() for file in tmp_path.glob("*/key_ring")}
    assert files == {symmetric_ring().model_dump_json()}


def test_a_given_ring_reaches_all_and_stays(tmp_path: Path) -> None:
    ring = symmetric_ring("k7").model_dump_json()
    run(tmp_path, **GIVEN, KEY_RING=ring)
    run(tmp_path, **GIVEN)
    assert {file.read_text() for file in tmp_path.glob("*/key_ring")} == {ring}


def test_a_given_ring_may_have_more_keys_and_the_previous_file_stays(tmp_path: Path) -> None:
    run(tmp_path, **GIVEN)
    before = rings_of(tmp_path, "kept")
    more = KeyRings(**{field: rotated(ring) for field, ring in before.given().items()})
    assert run(tmp_path, **GIVEN, KEY_RING=more.text()).returncode == 0
    assert rings_of(tmp_path, "kept") == more
    assert KeyRings.read(tmp_path / "kept" / "key_ring.previous") == before
    assert stat.S_IMODE((tmp_path / "kept" / "key_ring.previous").stat().st_mode) == 0o400


def rotated(ring: KeyRing) -> KeyRing:
    fresh = KeyRing.fresh()
    return KeyRing(active=fresh.active, keys=ring.keys | fresh.keys)


@pytest.mark.parametrize("field", FIELDS)
def test_m9a_a_ring_that_drops_a_key_is_refused_and_nothing_changes(
    tmp_path: Path, field: SecretField
) -> None:
    run(tmp_path, **GIVEN)
    before = read(tmp_path)
    kept = rings_of(tmp_path, "kept")
    other = kept.model_copy(update={field: KeyRing.fresh()})
    done = run(tmp_path, **GIVEN, KEY_RING=other.text())
    assert done.returncode == 2
    assert f"it lacks {field} {kept.ring(field).active} of the rings that are kept" in done.stderr
    assert read(tmp_path) == before
    assert run(tmp_path, **GIVEN).returncode == 0


def test_m9a_another_key_under_a_known_name_is_refused(tmp_path: Path) -> None:
    run(tmp_path, **GIVEN, KEY_RING=symmetric_ring("k1").model_dump_json())
    done = run(tmp_path, **GIVEN, KEY_RING=symmetric_ring("k1", "other").model_dump_json())
    assert done.returncode == 2
    assert "lacks access_token k1" in done.stderr


def test_a_kept_ring_that_is_damaged_is_named_and_not_replaced(tmp_path: Path) -> None:
    run(tmp_path, **GIVEN)
    file = tmp_path / "kept" / "key_ring"
    file.chmod(0o600)
    file.write_text("half a ri")
    done = run(tmp_path, **GIVEN)
    assert done.returncode == 2
    assert f"{file} is no key ring" in done.stderr
    assert file.read_text() == "half a ri"
