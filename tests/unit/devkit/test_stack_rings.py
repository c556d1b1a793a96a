"""What `make up` gives each service of the key rings, and how it says that they are wrong."""

import stat
from pathlib import Path

import pytest
from tests.support.rings import rings_of_before

from common.key_rings import KeyRings
from devkit.stack.environment import key_ring, ring_files
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside
from ops.service_rings import OPENED_BY, rings_for

NOTHING = Outside().model_copy(update={"key_ring_file": None})


def test_m9b_rings_are_made_once_and_each_service_gets_its_own(tmp_path: Path) -> None:
    files = ring_files(NOTHING, tmp_path)
    made = KeyRings.read(key_ring(NOTHING, tmp_path))
    for service in OPENED_BY:
        assert KeyRings.read(files[service]) == rings_for(service, made)
        assert stat.S_IMODE(files[service].stat().st_mode) == 0o600
    ring_files(NOTHING, tmp_path)
    assert KeyRings.read(key_ring(NOTHING, tmp_path)) == made


def test_the_ring_that_an_earlier_version_left_goes_on(tmp_path: Path) -> None:
    (tmp_path / "key-ring.json").write_text(rings_of_before().text())
    files = ring_files(NOTHING, tmp_path)
    assert {file.read_text() for file in files.values()} == {rings_of_before().text()}


def test_a_wrong_file_is_a_line(tmp_path: Path) -> None:
    wrong = tmp_path / "ring.json"
    wrong.write_text("{}")
    outside = NOTHING.model_copy(update={"key_ring_file": wrong})
    with pytest.raises(CannotStart, match=f"KEY_RING_FILE: {wrong} is no key ring"):
        ring_files(outside, tmp_path)
