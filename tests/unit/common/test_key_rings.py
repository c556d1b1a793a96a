"""Files of key rings: who may have which keys, and what is no ring."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.support.rings import rings_of_before, symmetric_ring

from common.key_rings import KeyRing, KeyRings, KeyUse, Unsealable

RINGS = KeyRings.fresh()


def test_the_fields_share_no_key() -> None:
    token, openai = RINGS.ring("access_token"), RINGS.ring("openai_api_key")
    assert not {*token.keys.values()} & {*openai.keys.values()}
    assert token.active != openai.active, "keys are named after themselves"


def test_a_ring_of_before_is_that_of_every_field_and_is_written_as_it_was(tmp_path: Path) -> None:
    text = symmetric_ring().model_dump_json()
    path = tmp_path / "ring.json"
    path.write_text(text)
    assert KeyRings.read(path) == rings_of_before()
    assert KeyRings.read(path).text() == text, "an older version must read it"


def test_while_a_symmetric_key_is_active_it_is_what_seals() -> None:
    old, fresh = symmetric_ring(), KeyRing.fresh()
    prepared = KeyRing(active="k1", keys=old.keys | fresh.keys).public()
    assert {kid: prepared.kind(kid) for kid in prepared.keys} == {
        "k1": "symmetric",
        fresh.active: "public",
    }
    active = KeyRing(active=fresh.active, keys=old.keys | fresh.keys).public()
    assert [*active.keys] == [fresh.active]


def test_what_another_ring_lacks_or_has_otherwise_is_named() -> None:
    assert RINGS.lost_in(RINGS) == []
    assert RINGS.lost_in(KeyRings(access_token=RINGS.access_token)) == [
        f"openai_api_key {RINGS.ring('openai_api_key').active}"
    ]
    assert symmetric_ring().lost_in(symmetric_ring(seed="another")) == ["k1"]


def test_keys_in_use_that_nobody_has_are_named() -> None:
    used = KeyUse("access_token", "gone", symmetric=False)
    assert RINGS.lacking([used]) == ["access_token gone"]
    assert rings_of_before().lacking([KeyUse("access_token", "k0", symmetric=True)]) == [
        "access_token k0"
    ]
    known = KeyUse("access_token", RINGS.ring("access_token").active, symmetric=False)
    assert RINGS.lacking([known]) == []


def test_the_public_half_gives_no_secret_away() -> None:
    ring = RINGS.ring("access_token")
    with pytest.raises(Unsealable, match="public half only"):
        ring.public().secret_bytes(ring.active)
    assert not ring.public().opens


@pytest.mark.parametrize("raw", [bytes(32), b"\xff" * 32, b"dev-only: not a secret, all know"])
def test_a_key_that_anybody_guesses_is_known_as_such(raw: bytes) -> None:
    for kind in ("", "private:"):
        assert KeyRing(active="a", keys={"a": kind + urlsafe_b64encode(raw).decode()}).guessable
    assert not RINGS.ring("access_token").guessable


@pytest.mark.parametrize(
    "text",
    [
        '{"active": "k2", "keys": {"k1": "CANARY"}}',
        '{"active": "k1", "keys": {"k1": "CANARY"}}',
        '{"active": "k1", "keys": {"k1": "CANARY"}, "more": 1}',
        '{"access_token": {"active": "k1", "keys": {"k1": "private:CANARY"}}}',
        '{"access_token": {"active": "k1", "keys": {"k1": "other:CANARY"}}}',
        '{"openai_api_key": "CANARY"}',
        '["CANARY"]',
        "CANARY",
        "{}",
    ],
)
def test_a_wrong_ring_is_refused_without_showing_its_keys(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KeyRings.model_validate_json(text)
    assert "CANARY" not in str(caught.value)
