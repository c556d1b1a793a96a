"""API keys and the brake on guessing."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON

from tenant_admin.api.failed_keys import LIMIT, REMOTES, FailedKeys
from tenant_admin.core.api_keys import FORM, SCOPES, bootstrap_holder, fresh_key, hashed, holds

DAY = timedelta(days=1)


def a_row(key: str, **fields: Any) -> dict[str, Any]:
    return {"hash": hashed(key), "expires": None, "revoked": None} | fields


def test_a_fresh_key_has_the_documented_form_and_its_own_prefix() -> None:
    prefix, key = fresh_key()
    found = FORM.fullmatch(key)
    assert found is not None
    assert found.group(1) == prefix
    assert fresh_key()[1] != key


@pytest.mark.parametrize(
    ("row", "holding"),
    [
        (a_row("right"), True),
        (a_row("right", expires=NOON + DAY), True),
        (a_row("right", expires=NOON), False),
        (a_row("right", revoked=NOON - DAY), False),
        (a_row("wrong"), False),
        (None, False),
    ],
)
def test_only_the_right_key_that_is_neither_expired_nor_revoked_holds(
    row: dict[str, Any] | None, holding: bool
) -> None:
    assert holds(row, "right", NOON) is holding


def test_the_bootstrap_key_has_every_scope_and_nothing_near_it_does() -> None:
    holder = bootstrap_holder("a-key-of-the-operator", "a-key-of-the-operator")
    assert holder is not None
    assert holder.scopes == set(SCOPES)
    for near in ("", "a-key-of-the-operato", "a-key-of-the-operator ", "ключ", "\ud800"):
        assert bootstrap_holder(near, "a-key-of-the-operator") is None


def test_the_brake_holds_for_one_remote_and_lets_go_after_a_minute() -> None:
    seconds = [0.0]
    brake = FailedKeys(lambda: seconds[0])
    assert [brake.exceeded("a") for _ in range(LIMIT + 1)] == [False] * LIMIT + [True]
    assert not brake.exceeded("b")
    seconds[0] = 60.0
    assert not brake.exceeded("a")


def test_the_brake_forgets_quiet_remotes_and_stays_bounded() -> None:
    seconds = [0.0]
    brake = FailedKeys(lambda: seconds[0])
    for number in range(REMOTES + 1):
        brake.exceeded(str(number))
    seconds[0] = 61.0
    brake.exceeded("new")
    assert len(brake._failed) == 1
