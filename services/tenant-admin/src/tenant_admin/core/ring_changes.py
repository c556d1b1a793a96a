"""How key rings change: a new key comes, and becomes active; an old one leaves when it seals
nothing any more."""

from collections.abc import Mapping

from common.key_rings import KeyRing, KeyRings, KeyUse
from tenant_admin.core.problems import refuse


def rotated(rings: KeyRings, prepare: bool) -> KeyRings:
    """Each ring seals with a key that is new, or was prepared before. prepare: not yet, so that all
    who open have the key before the first value is sealed with it."""
    return KeyRings(**{field: rotate(ring, prepare) for field, ring in rings.given().items()})


def rotate(ring: KeyRing, prepare: bool) -> KeyRing:
    keys = ring.keys if is_prepared(ring) else ring.keys | KeyRing.fresh().keys
    return KeyRing(active=ring.active if prepare else newest(keys), keys=keys)


def is_prepared(ring: KeyRing) -> bool:
    return newest(ring.keys) != ring.active


def newest(keys: Mapping[str, str]) -> str:
    return list(keys)[-1]


def without(rings: KeyRings, kid: str, uses: Mapping[KeyUse, int]) -> KeyRings:
    """Refuses for a key that still seals something, or is to."""
    holders = {field: ring for field, ring in rings.given().items() if kid in ring.keys}
    if not holders:
        refuse(422, "key", f"{kid!r} is in no ring", "`rings show` lists the keys")
    if any(ring.active == kid for ring in holders.values()):
        refuse(422, "key", f"{kid!r} is active", "`rings rotate`, and `rings rewrap`, first")
    if used := sum(count for use, count in uses.items() if use.kid == kid):
        refuse(422, "key", f"{kid!r} still seals {used} secret(s)", "`rings rewrap` first")
    left = {field: removed(ring, kid) for field, ring in rings.given().items()}
    return KeyRings(**left)


def removed(ring: KeyRing, kid: str) -> KeyRing:
    keys = {name: key for name, key in ring.keys.items() if name != kid}
    return KeyRing(active=ring.active, keys=keys)
