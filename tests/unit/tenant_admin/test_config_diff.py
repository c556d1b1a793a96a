"""What is published when a compacted topic and the database do not say the same."""

import pytest
from tests.support.builders import TRACE, a_tenant

from common.events import TenantConfig
from common.topics import TENANTS_CONFIG
from tenant_admin.config_sync.diff import (
    UNREADABLE,
    ConfigRevisions,
    config_revisions_of,
    differing,
    repair_drafts,
)
from tenant_admin.core.changes import ConfigRevision

PLAZA, SOL = ConfigRevision(1, 3), ConfigRevision(2, 1)


@pytest.mark.parametrize(
    ("seen", "known", "keys"),
    [
        ({}, {}, []),
        ({"a": PLAZA, "b": SOL}, {"b": SOL, "a": PLAZA}, []),
        ({}, {"b": SOL, "a": PLAZA}, ["a", "b"]),
        ({"a": ConfigRevision(1, 2)}, {"a": PLAZA}, ["a"]),
        ({"a": ConfigRevision(1, 4)}, {"a": PLAZA}, ["a"]),
        ({"a": ConfigRevision(2, 3)}, {"a": PLAZA}, ["a"]),
        ({"a": UNREADABLE}, {"a": PLAZA}, ["a"]),
        ({"a": PLAZA, "b": SOL}, {"a": PLAZA}, ["b"]),
    ],
)
def test_a_key_differs_by_owner_revision_or_presence(
    seen: ConfigRevisions, known: ConfigRevisions, keys: list[str]
) -> None:
    assert differing(seen, known) == keys


@pytest.mark.parametrize(
    ("seen", "current", "published"),
    [
        (None, 3, [3]),
        (ConfigRevision(1, 2), 3, [3]),
        (ConfigRevision(2, 9), 3, [None, 3]),
        (ConfigRevision(1, 4), 3, [None, 3]),
        (UNREADABLE, 3, [3]),
        (PLAZA, None, [None]),
        (UNREADABLE, None, [None]),
    ],
)
def test_a_repair_ends_in_what_the_database_says(
    seen: ConfigRevision | None, current: int | None, published: list[int | None]
) -> None:
    event = a_tenant(revision=current) if current else None
    drafts = repair_drafts(TENANTS_CONFIG, "n", seen, event, TRACE)
    assert {(draft.topic, draft.key, draft.trace_id) for draft in drafts} == {
        (TENANTS_CONFIG, "n", TRACE)
    }
    assert [draft.event and getattr(draft.event, "revision", 0) for draft in drafts] == published


def test_the_last_records_are_read_as_a_fresh_process_would() -> None:
    last = {
        b"there": a_tenant(tenant_id=7, revision=4).encode(),
        b"gone": None,
        b"empty": b"",
        b"broken": b"{}",
        b"\xff": b"{}",
        b"nul\0": b"{}",
        b"": b"{}",
    }
    assert config_revisions_of(last, TenantConfig) == {
        "there": ConfigRevision(7, 4),
        "broken": UNREADABLE,
    }
