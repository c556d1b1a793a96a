"""API keys and the limit on guessing."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON

from tenant_admin.api.failed_keys import KNOWN, LIMIT, MOST, FailedKeys, network_of
from tenant_admin.core.api_keys import KEY_PATTERN, bootstrap_holder, hashed, is_valid, new_key
from tenant_admin.core.key_rights import (
    ROLES,
    SCOPES,
    Grant,
    KeyHolder,
    Scope,
    refuse_larger,
    scopes_of,
)
from tenant_admin.core.problems import RequestRefused

DAY = timedelta(days=1)


def a_row(key: str, **fields: Any) -> dict[str, Any]:
    return {"hash": hashed(key), "expires": None, "revoked": None} | fields


def test_a_new_key_has_the_documented_form_and_its_own_prefix() -> None:
    prefix, key = new_key()
    match = KEY_PATTERN.fullmatch(key)
    assert match is not None
    assert match.group(1) == prefix
    assert new_key()[1] != key


@pytest.mark.parametrize(
    ("row", "valid"),
    [
        (a_row("right"), True),
        (a_row("right", expires=NOON + DAY), True),
        (a_row("right", expires=NOON), False),
        (a_row("right", revoked=NOON - DAY), False),
        (a_row("wrong"), False),
        (None, False),
    ],
)
def test_only_the_right_key_that_is_neither_expired_nor_revoked_is_valid(
    row: dict[str, Any] | None, valid: bool
) -> None:
    assert is_valid(row, "right", NOON) is valid


def test_the_bootstrap_key_has_every_scope_and_nothing_near_it_does() -> None:
    holder = bootstrap_holder("a-key-of-the-operator", ("a-key-of-the-operator",))
    assert holder is not None
    assert holder.scopes == set(SCOPES)
    for near in ("", "a-key-of-the-operato", "a-key-of-the-operator ", "ключ", "\ud800"):
        assert bootstrap_holder(near, ("a-key-of-the-operator",)) is None


def test_l3_the_bootstrap_key_overlaps_in_rotation_and_can_be_switched_off() -> None:
    for key in ("the-new-key-of-2027", "the-old-key-of-2026"):
        assert bootstrap_holder(key, ("the-new-key-of-2027", "the-old-key-of-2026"))
    for key in ("", "off", "the-old-key-of-2026"):
        assert bootstrap_holder(key, ()) is None


class Brake:
    """FailedKeys with a clock, and its networks' addresses."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.failed = FailedKeys(lambda: self.seconds)

    def fail(self, host: str, times: int = 1) -> list[bool]:
        return [self.failed.count_failure(network_of(host)) for _ in range(times)]

    def refuses(self, host: str, key: str = "a key") -> bool:
        return self.failed.refuses(network_of(host), key)


def test_the_limit_holds_for_one_remote_and_ends_after_a_minute() -> None:
    brake = Brake()
    assert brake.fail("192.0.2.1", LIMIT) == [True] + [False] * (LIMIT - 1)
    assert brake.refuses("192.0.2.1")
    assert not brake.refuses("192.0.2.2")
    brake.seconds = 60.0
    assert not brake.refuses("192.0.2.1")


def test_l2_the_addresses_of_an_ipv6_network_are_one_and_of_ipv4_each_its_own() -> None:
    brake = Brake()
    for number in range(LIMIT):
        brake.fail(f"2001:db8:1:2:{number:x}::1")
    assert brake.refuses("2001:db8:1:2:ffff::9")
    assert not brake.refuses("2001:db8:1:3::1")
    names = ["::ffff:192.0.2.1", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "a socket"]
    shown = ["192.0.2.1", "192.0.2.1", "2001:db8::/64", "fe80::/64", "a socket"]
    assert [network_of(name) for name in names] == shown


def test_l2_a_key_that_was_valid_within_the_hour_passes_the_brake() -> None:
    brake = Brake()
    brake.failed.count_success("right")
    brake.fail("192.0.2.1", LIMIT)
    assert not brake.refuses("192.0.2.1", "right")
    assert brake.refuses("192.0.2.1", "wrong")
    brake.seconds = 3600.0
    brake.fail("192.0.2.1", LIMIT)
    assert brake.refuses("192.0.2.1", "right")


def test_l2_many_networks_are_braked_together_and_memory_stays_bounded() -> None:
    brake = Brake()
    for number in range(3 * MOST):
        brake.failed.count_success(f"right {number}")
        host = f"2001:db8:{number:x}::1"
        if not brake.refuses(host):
            brake.fail(host)
    assert brake.refuses("2001:db8:ffff::1")
    kept = (brake.failed._recent, brake.failed._by_network, brake.failed._known)
    assert [len(each) for each in kept] == [MOST, MOST, KNOWN]
    brake.seconds = 60.0
    assert not brake.refuses("2001:db8:ffff::1")
    assert [len(each) for each in kept] == [0, 0, KNOWN]


def holder(*scopes: Scope, **fields: Any) -> KeyHolder:
    return KeyHolder("maker", "abcdefgh", frozenset(scopes), **fields)


def a_grant(*scopes: Scope, clients: Any = None, expires: Any = None) -> Grant:
    return Grant(frozenset(scopes), clients, expires)


MAKER = holder("keys:admin", "clients:read", clients=frozenset({1, 2}), expires=NOON + DAY)


@pytest.mark.parametrize(
    ("maker", "grant", "field"),
    [
        (MAKER, a_grant("clients:write", clients={1}, expires=NOON), "scopes"),
        (MAKER, a_grant("clients:read", expires=NOON), "clients"),
        (MAKER, a_grant("clients:read", clients={1}), "expires"),
        (MAKER, a_grant("clients:read", clients={1}, expires=NOON + 2 * DAY), "expires"),
        (holder("keys:admin"), a_grant(*SCOPES), "scopes"),
    ],
)
def test_h3_a_key_gives_no_more_than_it_has(maker: KeyHolder, grant: Grant, field: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        refuse_larger(maker, grant)
    assert (caught.value.status, caught.value.errors[0].field) == (403, field)


def test_a_key_gives_what_it_has_and_the_command_line_everything() -> None:
    refuse_larger(MAKER, a_grant("clients:read", clients={2}, expires=NOON + DAY))
    refuse_larger(None, a_grant(*SCOPES))


def test_a_role_is_what_it_is_in_this_version_and_an_unknown_one_what_was_stored() -> None:
    assert scopes_of("viewer", ["clients:write"]) == ROLES["viewer"]
    assert scopes_of("of-a-later-version", ["clients:read"]) == {"clients:read"}
    assert scopes_of(None, ["clients:read"]) == {"clients:read"}


def test_roles_grow_and_only_the_administrator_has_secrets_numbers_and_keys() -> None:
    assert ROLES["viewer"] | ROLES["agent"] < ROLES["editor"] < ROLES["administrator"]
    assert ROLES["administrator"] == set(SCOPES)
    most = {"secrets:write", "numbers:write", "keys:admin"}
    assert ROLES["administrator"] - ROLES["editor"] == most
