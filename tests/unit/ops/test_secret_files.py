"""The job that hands every container its own secrets as files."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from common.sealed import KeyRing
from ops.secret_files import READERS

GIVEN = {
    "WHATSAPP_APP_SECRETS": "app-secret-1,app-secret-2",
    "WHATSAPP_VERIFY_TOKEN": "verify-us",
    "OPENAI_API_KEY": "sk-of-ours",
}


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
    assert files == {f"{reader}/{name}" for reader, names in READERS.items() for name in names}
    assert read(tmp_path)["ingress/whatsapp_app_secrets"] == "app-secret-1,app-secret-2"
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
    run(tmp_path, **GIVEN | {"WHATSAPP_VERIFY_TOKEN": "another-token"})
    after = read(tmp_path)
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"ingress/whatsapp_verify_token", "exercise/whatsapp_verify_token"}


def test_what_only_the_operator_can_know_is_asked_for_by_name_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    done = run(tmp_path)
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == list(GIVEN)
    assert "set it in .env" in done.stderr
    assert read(tmp_path) == {}


def test_the_demo_needs_nothing_and_what_is_given_wins(tmp_path: Path) -> None:
    done = run(tmp_path, PROFILES="demo", OPENAI_API_KEY="sk-of-ours")
    assert done.returncode == 0, done.stderr
    files = read(tmp_path)
    assert files["assistant/openai_api_key"] == "sk-of-ours"
    assert files["ingress/whatsapp_app_secrets"] == files["exercise/whatsapp_app_secrets"]
    assert len(files["ingress/whatsapp_app_secrets"]) > 30


def test_going_live_after_the_demo_asks_for_the_real_ones(tmp_path: Path) -> None:
    run(tmp_path, PROFILES="demo")
    assert run(tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [("KEY_RING", "{}"), ("ADMIN_API_KEY", "short"), ("OPENAI_API_KEY", "changeme")],
)
def test_a_bad_value_is_named_and_not_quoted(tmp_path: Path, variable: str, value: str) -> None:
    done = run(tmp_path, **GIVEN | {variable: value})
    assert done.returncode == 2
    assert variable in done.stderr
    assert "Traceback" not in done.stderr


def test_a_given_key_ring_reaches_all_three_that_seal_and_stays(tmp_path: Path) -> None:
    ring = KeyRing.fresh("k7")
    run(tmp_path, **GIVEN)
    run(tmp_path, **GIVEN, KEY_RING=ring.model_dump_json())
    run(tmp_path, **GIVEN)  # the older ring must never come back: secrets are sealed with this one
    for reader in ("assistant", "sender", "tenant-admin"):
        assert KeyRing.read(tmp_path / reader / "key_ring") == ring
