"""Values of the first form: an AES-256-GCM envelope bound to its tenant and field.

Each value has a data key of its own, wrapped by a symmetric key: v1.<kid>.<wrapped key>.<value>,
base64url, each part nonce + ciphertext.
"""

import os
from base64 import urlsafe_b64decode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.key_rings import Unsealable, encoded

VERSION = "v1"
NONCE = 12


def close_envelope(key: bytes, kid: str, tenant_id: int, field: str, secret: bytes) -> str:
    data_key = AESGCM.generate_key(256)
    wrapped = encrypt(key, data_key, wrap_bound_to(kid, tenant_id, field))
    value = encrypt(data_key, secret, bound_to(tenant_id, field))
    return ".".join((VERSION, kid, encoded(wrapped), encoded(value)))


def open_envelope(key: bytes, kid: str, tenant_id: int, field: str, rest: str) -> bytes:
    """rest: what comes after the kid. Raises Unsealable."""
    wrapped, value = parts_of(rest)
    data_key = decrypt(key, wrapped, wrap_bound_to(kid, tenant_id, field))
    return decrypt(data_key, value, bound_to(tenant_id, field))


def parts_of(rest: str) -> tuple[bytes, bytes]:
    try:
        wrapped, value = rest.split(".")
        return urlsafe_b64decode(wrapped), urlsafe_b64decode(value)
    except ValueError as error:
        raise Unsealable("not a sealed value") from error


def bound_to(tenant_id: int, field: str) -> bytes:
    return f"v1|{tenant_id}|{field}".encode()


def wrap_bound_to(kid: str, tenant_id: int, field: str) -> bytes:
    return f"v1|{kid}|{tenant_id}|{field}".encode()


def encrypt(key: bytes, plain: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def decrypt(key: bytes, box: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(box[:NONCE], box[NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise Unsealable("sealed for another tenant or field, or damaged") from error
