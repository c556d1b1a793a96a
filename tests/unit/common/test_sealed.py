"""Sealed values: readable in their place only, by who has the private key, while it is there."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rings import symmetric_ring

from common.key_rings import KeyRing, KeyUse, Unsealable
from common.sealed import kid_of, rewrap, seal, unseal, use_of

RING = KeyRing.fresh()
OLD = symmetric_ring()
# By the version that had symmetric keys only, for client 7.
SEALED_BEFORE = (
    "v1.k1.4zYvSLuWItK01PEHw7i7KWtWr2qmEgTAZ8Nkx6ePTrgwNCtfAOLysa9D2tkJGmwhEc6wVHfTZoa0SdQ4"
    ".DosspUgEKMbMVH9qbGUkEGMqMGNa7WxU0o3Lz6eVg-Mh55rR-sMFhjMP"
)
BOTH_FORMS = pytest.mark.parametrize("ring", [RING, OLD], ids=["pair", "symmetric"])


@given(st.text(max_size=200), st.integers(1, 2**31), st.text(max_size=30))
@BOTH_FORMS
def test_what_was_sealed_is_read_back(
    ring: KeyRing, secret: str, tenant_id: int, field: str
) -> None:
    assert unseal(ring, tenant_id, field, seal(ring, tenant_id, field, secret)) == secret


@BOTH_FORMS
@pytest.mark.parametrize(("tenant_id", "field"), [(2, "token"), (1, "key")])
def test_a_value_moved_to_another_place_is_refused(
    ring: KeyRing, tenant_id: int, field: str
) -> None:
    sealed = seal(ring, 1, "token", "s3cret")
    with pytest.raises(Unsealable):
        unseal(ring, tenant_id, field, sealed)


def test_m9b_who_seals_cannot_open() -> None:
    public = RING.public()
    sealed = seal(public, 1, "token", "s3cret")
    with pytest.raises(Unsealable, match="public half only"):
        unseal(public, 1, "token", sealed)
    assert "private" not in public.model_dump_json()
    assert unseal(RING, 1, "token", sealed) == "s3cret"


def test_a_key_is_not_taken_for_another_kind_of_the_same_name() -> None:
    """Else a value of the first form would choose how a private key is used."""
    kid, text = next(iter(RING.keys.items()))
    symmetric = KeyRing(active=kid, keys={kid: text.removeprefix("private:")})
    for sealing, opening in ((symmetric, RING), (RING, symmetric)):
        with pytest.raises(Unsealable):
            unseal(opening, 1, "token", seal(sealing, 1, "token", "s3cret"))


def test_a_value_under_a_renamed_key_is_refused() -> None:
    renamed = KeyRing(active="other", keys={"other": RING.keys[RING.active]})
    sealed = seal(RING, 1, "token", "s3cret").replace(RING.active, "other")
    with pytest.raises(Unsealable):
        unseal(renamed, 1, "token", sealed)


@given(st.data())
@BOTH_FORMS
def test_a_damaged_value_is_refused_or_still_itself(ring: KeyRing, data: st.DataObject) -> None:
    sealed = seal(ring, 1, "token", "s3cret")
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters().filter(lambda one: one != sealed[place]))
    damaged = sealed[:place] + other + sealed[place + 1 :]
    with suppress(Unsealable):
        # Base64 carries bits that mean nothing: a value that is still read is the right one.
        assert unseal(ring, 1, "token", damaged) == "s3cret"


@pytest.mark.parametrize(
    "value",
    ["", "plain", "v3.k1.AA.AA", "v1.k1.AA", "v1.k9.AA.AA", "v1.k1.é.", "v2.k1.AA", "v2.k1.é"],
)
def test_what_is_not_sealed_is_refused(value: str) -> None:
    for kid in ("k1", RING.active):
        with pytest.raises(Unsealable):
            unseal(KeyRing(active=kid, keys=RING.keys | OLD.keys), 1, "token", value)
        with pytest.raises(Unsealable):
            unseal(RING, 1, "token", value.replace("k1", RING.active))


def test_a_value_that_an_earlier_version_sealed_is_opened() -> None:
    ring = symmetric_ring("k1", "before")
    assert unseal(ring, 7, "access_token", SEALED_BEFORE) == "EAAG-of-before"


def test_a_value_of_the_first_form_is_opened_and_resealed_for_a_private_key() -> None:
    sealed = seal(OLD, 1, "token", "s3cret")
    both = KeyRing(active=RING.active, keys=OLD.keys | RING.keys)
    assert unseal(both, 1, "token", sealed) == "s3cret"
    moved = rewrap(both, 1, "token", sealed)
    assert (kid_of(moved), unseal(RING, 1, "token", moved)) == (RING.active, "s3cret")
    with pytest.raises(Unsealable, match="k1"):
        unseal(RING, 1, "token", sealed)
    assert use_of("token", sealed) == KeyUse("token", "k1", symmetric=True)
    assert use_of("token", moved) == KeyUse("token", RING.active, symmetric=False)


def test_a_pair_can_be_replaced_while_values_stay_readable() -> None:
    fresh, sealed = KeyRing.fresh(), seal(RING, 1, "token", "s3cret")
    both = KeyRing(active=fresh.active, keys=RING.keys | fresh.keys)
    assert unseal(both, 1, "token", sealed) == "s3cret"
    assert unseal(fresh, 1, "token", rewrap(both, 1, "token", sealed)) == "s3cret"


def test_rewrapping_in_a_wrong_place_is_refused() -> None:
    with pytest.raises(Unsealable):
        rewrap(RING, 2, "token", seal(RING, 1, "token", "s3cret"))
