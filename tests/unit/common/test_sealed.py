"""Sealed values: readable in their place only, for as long as their key is in the ring."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.sealed import KeyRing, Unsealable, kid_of, rewrap, seal, unseal

RING = KeyRing.fresh()


@given(st.text(max_size=200), st.integers(1, 2**31), st.text(max_size=30))
def test_what_was_sealed_is_read_back(secret: str, tenant_id: int, field: str) -> None:
    assert unseal(RING, tenant_id, field, seal(RING, tenant_id, field, secret)) == secret


@pytest.mark.parametrize(("tenant_id", "field"), [(2, "token"), (1, "key")])
def test_a_value_moved_to_another_place_is_refused(tenant_id: int, field: str) -> None:
    sealed = seal(RING, 1, "token", "s3cret")
    with pytest.raises(Unsealable):
        unseal(RING, tenant_id, field, sealed)


@given(st.data())
def test_a_damaged_value_is_refused_or_still_itself(data: st.DataObject) -> None:
    sealed = seal(RING, 1, "token", "s3cret")
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters().filter(lambda one: one != sealed[place]))
    damaged = sealed[:place] + other + sealed[place + 1 :]
    with suppress(Unsealable):
        # Base64 carries bits that mean nothing: a value that is still read is the right one.
        assert unseal(RING, 1, "token", damaged) == "s3cret"


@pytest.mark.parametrize(
    "value", ["", "plain", "v2.k1.AA.AA", "v1.k1.AA", "v1.k9.AA.AA", "v1.k1.é."]
)
def test_what_is_not_sealed_is_refused(value: str) -> None:
    with pytest.raises(Unsealable):
        unseal(RING, 1, "token", value)


def test_a_key_can_be_replaced_while_values_stay_readable() -> None:
    sealed = seal(RING, 1, "token", "s3cret")
    both = KeyRing(active="k2", keys={**RING.keys, **KeyRing.fresh("k2").keys})
    assert unseal(both, 1, "token", sealed) == "s3cret"
    moved = rewrap(both, 1, "token", sealed)
    only_new = KeyRing(active="k2", keys={"k2": both.keys["k2"]})
    assert kid_of(moved) == "k2"
    assert moved.split(".")[3] == sealed.split(".")[3]
    assert unseal(only_new, 1, "token", moved) == "s3cret"
    with pytest.raises(Unsealable, match="k1"):
        unseal(only_new, 1, "token", sealed)


def test_rewrapping_in_a_wrong_place_is_refused() -> None:
    with pytest.raises(Unsealable):
        rewrap(RING, 2, "token", seal(RING, 1, "token", "s3cret"))


@pytest.mark.parametrize(
    "ring",
    [
        '{"active": "k2", "keys": {"k1": "CANARY"}}',
        '{"active": "k1", "keys": {"k1": "CANARY"}}',
        '{"active": "k1", "keys": {"k1": "CANARY"}, "more": 1}',
    ],
)
def test_a_wrong_ring_is_refused_without_showing_its_keys(ring: str, tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    path.write_text(ring)
    with pytest.raises(ValidationError) as caught:
        KeyRing.read(path)
    assert "CANARY" not in str(caught.value)
