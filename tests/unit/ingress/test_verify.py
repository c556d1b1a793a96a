import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.verify import is_signed, same_token

SECRET, OLD = b"an-app-secret", b"the-secret-before"
ESCAPED = b'{"text":"Ma\\u00f1ana \\ud83d\\ude00 https:\\/\\/a.es"}'


def header(body: bytes, secret: bytes = SECRET) -> bytes:
    return b"sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


def test_a_known_vector_holds() -> None:
    """RFC 4231, test case 2."""
    known = b"sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert is_signed(b"what do ya want for nothing?", known, [b"Jefe"])


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_every_active_secret_is_accepted(secret: bytes) -> None:
    assert is_signed(ESCAPED, header(ESCAPED, secret), [SECRET, OLD])


def test_escaped_unicode_is_verified_as_sent_and_not_as_parsed() -> None:
    again = json.dumps(json.loads(ESCAPED), ensure_ascii=False).encode()
    assert is_signed(ESCAPED, header(ESCAPED), [SECRET])
    assert not is_signed(ESCAPED, header(again), [SECRET])


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"sha256=",
        header(ESCAPED).upper(),
        header(ESCAPED).replace(b"sha256=", b"sha1="),
        header(ESCAPED).removeprefix(b"sha256="),
        b" " + header(ESCAPED),
        header(ESCAPED) + b"0",
        header(ESCAPED, b"of another app"),
        "sha256=ñ".encode(),
    ],
)
def test_any_other_header_is_refused(bad: bytes) -> None:
    assert not is_signed(ESCAPED, bad, [SECRET, OLD])


@given(body=st.binary(min_size=1, max_size=200), place=st.integers(0), bit=st.integers(0, 7))
def test_one_changed_bit_breaks_the_signature(body: bytes, place: int, bit: int) -> None:
    changed = bytearray(body)
    changed[place % len(body)] ^= 1 << bit
    assert is_signed(body, header(body), [SECRET])
    assert not is_signed(bytes(changed), header(body), [SECRET])


def test_tokens_are_compared_whole() -> None:
    assert same_token("señal", "señal")
    assert not same_token("señal", "señal ")
