"""Key rings of before: symmetric keys, one ring for all fields."""

from base64 import urlsafe_b64encode
from random import Random

from common.key_rings import KeyRing, KeyRings


def symmetric_ring(kid: str = "k1", seed: str = "") -> KeyRing:
    key = urlsafe_b64encode(Random(f"{kid}{seed}").randbytes(32)).decode()
    return KeyRing(active=kid, keys={kid: key})


def rings_of_before(kid: str = "k1") -> KeyRings:
    ring = symmetric_ring(kid)
    return KeyRings(access_token=ring, openai_api_key=ring)
