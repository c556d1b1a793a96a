"""Rotation of key rings: what becomes active, what may leave."""

import pytest
from tests.support.rings import rings_of_before

from common.key_rings import FIELDS, KeyRings, KeyUse
from tenant_admin.core.problems import RequestRefused
from tenant_admin.core.ring_changes import rotated, without

RINGS = KeyRings.fresh()


def test_m9e_a_rotation_adds_a_key_to_each_ring_and_drops_none() -> None:
    after = rotated(RINGS, prepare=False)
    assert RINGS.lost_in(after) == []
    for field in FIELDS:
        ring = after.ring(field)
        assert ring.active not in RINGS.ring(field).keys
        assert len(ring.keys) == 2


def test_a_prepared_key_becomes_active_with_the_next_rotation() -> None:
    prepared = rotated(RINGS, prepare=True)
    assert [prepared.ring(field).active for field in FIELDS] == [
        RINGS.ring(field).active for field in FIELDS
    ]
    assert rotated(prepared, prepare=True) == prepared
    after = rotated(prepared, prepare=False)
    for field in FIELDS:
        assert after.ring(field).keys == prepared.ring(field).keys
        assert after.ring(field).active != prepared.ring(field).active


def test_symmetric_keys_of_before_become_a_pair_for_each_field() -> None:
    after = rotated(rings_of_before(), prepare=False)
    kinds = {after.ring(field).kind(after.ring(field).active) for field in FIELDS}
    assert kinds == {"private"}
    assert not after.is_of_before
    assert all("k1" in after.ring(field).keys for field in FIELDS)


def test_a_key_leaves_when_it_seals_nothing() -> None:
    after = rotated(rings_of_before(), prepare=False)
    assert [*without(after, "k1", {}).given()] == [*FIELDS]
    assert all("k1" not in ring.keys for ring in without(after, "k1", {}).given().values())


@pytest.mark.parametrize(
    ("kid", "used", "reason"),
    [
        ("k1", 3, "still seals 3 secret"),
        ("k9", 0, "is in no ring"),
        (None, 0, "is active"),
    ],
)
def test_m9a_a_key_in_use_does_not_leave(kid: str | None, used: int, reason: str) -> None:
    after = rotated(rings_of_before(), prepare=False)
    key = kid or after.ring("access_token").active
    uses = {KeyUse("access_token", key, symmetric=True): used}
    with pytest.raises(RequestRefused, match=reason):
        without(after, key, uses)
