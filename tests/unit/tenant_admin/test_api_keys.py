"""API keys and the limit on guessing."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON

from tenant_admin.api.failed_keys import LIMIT, REMOTES, FailedKeys
from tenant_admin.core.api_keys import (
    KEY_PATTERN,
    SCOPES,
    bootstrap_holder,
    hashed,
    is_valid,
    new_key,
)

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
    holder = bootstrap_holder("a-key-of-the-operator", "a-key-of-the-operator")
    assert holder is not None
    assert holder.scopes == set(SCOPES)
    for near in ("", "a-key-of-the-operato", "a-key-of-the-operator ", "ключ", "\ud800"):
        assert bootstrap_holder(near, "a-key-of-the-operator") is None


def test_the_limit_holds_for_one_remote_and_ends_after_a_minute() -> None:
    seconds = [0.0]
    failed = FailedKeys(lambda: seconds[0])
    assert [failed.count_failure("a") for _ in range(LIMIT + 1)] == [False] * LIMIT + [True]
    assert not failed.count_failure("b")
    seconds[0] = 60.0
    assert not failed.count_failure("a")


def test_the_limit_forgets_quiet_remotes_and_stays_bounded() -> None:
    seconds = [0.0]
    failed = FailedKeys(lambda: seconds[0])
    for number in range(REMOTES + 1):
        failed.count_failure(str(number))
    seconds[0] = 61.0
    failed.count_failure("new")
    assert len(failed._failed) == 1
