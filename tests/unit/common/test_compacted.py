"""A view keeps the newest revision of a key, and takes a rollback as what it is: a change."""

import pytest
from tests.support.builders import a_tenant

from common.events import TenantConfig
from common.kafka.compacted import is_older


@pytest.mark.parametrize(
    ("row", "known", "older"),
    [
        (a_tenant(revision=2), None, False),
        (a_tenant(revision=2), a_tenant(revision=1), False),
        (a_tenant(revision=2, version=1), a_tenant(revision=1, version=9), False),
        (a_tenant(revision=1), a_tenant(revision=2), True),
        (a_tenant(revision=1, tenant_id=8), a_tenant(revision=2, tenant_id=7), False),
    ],
    ids=["first", "next", "rolled back", "late copy", "number moved to another client"],
)
def test_a_late_copy_of_an_earlier_change_is_passed_over(
    row: TenantConfig, known: TenantConfig | None, older: bool
) -> None:
    assert is_older(row, known) is older
