"""Which keys each service may have."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.support.rings import rings_of_before

from common.key_rings import KeyRings, KeyUse
from ops.service_rings import OPENED_BY, rings_for

RINGS = KeyRings.fresh()


def kinds(rings: KeyRings) -> dict[str, set[str]]:
    return {field: {ring.kind(kid) for kid in ring.keys} for field, ring in rings.given().items()}


def test_m9b_each_service_gets_what_it_needs_and_no_more() -> None:
    assert kinds(rings_for("sender", RINGS)) == {"access_token": {"private"}}
    assert kinds(rings_for("assistant", RINGS)) == {
        "access_token": {"private"},
        "openai_api_key": {"private"},
    }
    public = {"access_token": {"public"}, "openai_api_key": {"public"}}
    assert kinds(rings_for("tenant-admin", RINGS)) == public
    assert kinds(rings_for("tenant-admin", RINGS, admin_opens_tokens=True)) == public | {
        "access_token": {"private"}
    }


def test_a_ring_of_before_reaches_all_as_it_was() -> None:
    for service in OPENED_BY:
        assert rings_for(service, rings_of_before()).text() == rings_of_before().text()


def test_a_service_misses_what_it_must_have_and_nothing_else() -> None:
    known = KeyUse("access_token", RINGS.ring("access_token").active, symmetric=False)
    old = KeyUse("access_token", "k1", symmetric=True)
    assert rings_for("tenant-admin", RINGS).lacking([known, old]) == []
    assert rings_for("sender", RINGS).lacking([known, old]) == ["access_token k1"]


def test_the_job_writes_a_file_for_each_service(tmp_path: Path) -> None:
    master, folder = tmp_path / "key_rings", tmp_path / "out"
    master.write_text(RINGS.text())
    argv = [sys.executable, "-m", "ops.service_rings"]
    variables = {"KEY_RING_FILE": str(master), "RINGS_FOLDER": str(folder)}
    for opens in (False, True):
        given = variables | {"PATH": os.defpath, "ADMIN_OPENS_TOKENS": str(opens)}
        assert subprocess.run(argv, env=given, check=False).returncode == 0
        for service in OPENED_BY:
            file = folder / service / "key_ring"
            assert KeyRings.read(file) == rings_for(service, RINGS, opens)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
