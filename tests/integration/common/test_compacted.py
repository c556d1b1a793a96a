"""The view of a compacted topic on a real broker."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from tests.support.builders import a_tenant
from tests.support.components import running_components
from tests.support.kafka import Broker, admin_client
from tests.support.records import CALL_SECONDS, produce
from tests.support.waiting import eventually_async

from common.events import TenantConfig
from common.kafka.compacted import DECODED, CompactedView
from common.service.lifecycle import Component, Lifecycle
from common.topics import TENANTS_CONFIG
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_topics import create

pytestmark = pytest.mark.integration


def viewing(
    bootstrap: str, into: list[CompactedView[TenantConfig]]
) -> Callable[[Lifecycle], Sequence[Component]]:
    def build(life: Lifecycle) -> Sequence[Component]:
        into.append(CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life))
        return into

    return build


def write(bootstrap: str, *rows: tuple[str, bytes | None]) -> None:
    produce(bootstrap, TENANTS_CONFIG, rows)


async def test_a_started_view_holds_everything_written_before(kafka: Broker) -> None:
    """More rows than it keeps decoded."""
    rows = {str(number): a_tenant(f"T{number}") for number in range(DECODED + 1000)}
    many = [(key, row.encode()) for key, row in rows.items()]
    write(kafka.bootstrap, *many, ("7", None), ("8", a_tenant("renamed", revision=2).encode()))
    views: list[CompactedView[TenantConfig]] = []
    async with running_components(viewing(kafka.bootstrap, views)):
        (view,) = views
        assert all(view.get(key) == row for key, row in rows.items() if key not in "78")
        assert view.get("7") is None
        renamed = view.get("8")
        assert renamed is not None
        assert renamed.name == "renamed"


async def test_an_empty_topic_is_caught_up_with_at_once(kafka: Broker) -> None:
    views: list[CompactedView[TenantConfig]] = []
    async with running_components(viewing(kafka.bootstrap, views)):
        assert views[0].get("n") is None


async def test_what_changes_after_the_start_is_told_by_its_key(kafka: Broker) -> None:
    """Not what was there before, and not an older revision."""
    write(kafka.bootstrap, ("a", a_tenant("one", revision=2).encode()))
    changed: list[str] = []

    def build(life: Lifecycle) -> Sequence[Component]:
        view = CompactedView(kafka.bootstrap, TENANTS_CONFIG, TenantConfig, life)
        view.after_changes(changed.append)
        return [view]

    async with running_components(build):
        assert changed == []
        older, newer = a_tenant("one", revision=1), a_tenant("one", revision=3)
        write(kafka.bootstrap, ("a", older.encode()), ("a", newer.encode()))
        write(kafka.bootstrap, ("b", a_tenant("two").encode()))
        await eventually_async(lambda: sorted(changed) == ["a", "b"])


async def test_a_view_follows(kafka: Broker) -> None:
    views: list[CompactedView[TenantConfig]] = []
    async with running_components(viewing(kafka.bootstrap, views)):
        tenant = a_tenant()
        write(kafka.bootstrap, ("n", tenant.encode()))
        await eventually_async(lambda: views[0].get("n") == tenant)
        write(kafka.bootstrap, ("n", None))
        await eventually_async(lambda: views[0].get("n") is None)


async def test_a_bad_row_keeps_the_last_good_one(kafka: Broker) -> None:
    views: list[CompactedView[TenantConfig]] = []
    good = a_tenant()
    write(kafka.bootstrap, ("n", good.encode()), ("n", b"{}"), ("other", good.encode()))
    async with running_components(viewing(kafka.bootstrap, views)):
        assert views[0].get("n") == good
        assert views[0].get("other") == good


async def test_a_late_copy_of_an_earlier_revision_is_passed_over(kafka: Broker) -> None:
    old, new = a_tenant(revision=1), a_tenant(revision=2, active=False)
    write(kafka.bootstrap, *[("n", one.encode()) for one in (old, new, old)])
    views: list[CompactedView[TenantConfig]] = []
    async with running_components(viewing(kafka.bootstrap, views)):
        assert views[0].get("n") == new


async def test_rows_whose_topic_no_longer_begins_at_0_are_read_too(kafka: Broker) -> None:
    """Each partition's first rows are gone, and in most nothing is left."""
    write(kafka.bootstrap, *((str(number), a_tenant().encode()) for number in range(100)))
    delete_records(admin_client(kafka.bootstrap), TENANTS_CONFIG.name, TENANTS_CONFIG.partitions)
    write(kafka.bootstrap, ("n", a_tenant("left").encode()))
    views: list[CompactedView[TenantConfig]] = []
    async with running_components(viewing(kafka.bootstrap, views)):
        left = views[0].get("n")
        assert left is not None
        assert (left.name, views[0].get("1")) == ("left", None)


def delete_records(admin: AdminClient, topic: str, partitions: int) -> None:
    """All of them. A broker does so only where the topic's policy is to delete."""
    set_policy(admin, topic, "delete")
    ends = [TopicPartition(topic, number, OFFSET_END) for number in range(partitions)]
    for deleted in admin.delete_records(ends).values():
        deleted.result(CALL_SECONDS)
    set_policy(admin, topic, "compact")


def set_policy(admin: AdminClient, topic: str, policy: str) -> None:
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    for altered in admin.incremental_alter_configs([resource]).values():
        altered.result(CALL_SECONDS)


async def test_a_view_waits_for_a_broker_that_comes_later(home: Path) -> None:
    port, controller = free_ports(2)
    views: list[CompactedView[TenantConfig]] = []
    kafka: list[LocalKafka] = []

    def begin() -> None:
        kafka.append(LocalKafka.start(home / f"late-{port}", port, controller))
        create(kafka[0].bootstrap, [TENANTS_CONFIG])

    class LateBroker:
        """Started behind the view's back, while the view waits."""

        async def start(self) -> None:
            self.life.loop.call_later(1, begin)

        async def stop(self) -> None:
            kafka[0].stop()

        def __init__(self, life: Lifecycle) -> None:
            self.life = life

    def build(life: Lifecycle) -> Sequence[Component]:
        return [LateBroker(life), *viewing(f"127.0.0.1:{port}", views)(life)]

    began = time.monotonic()
    async with running_components(build):
        assert time.monotonic() - began > 1
        write(kafka[0].bootstrap, ("n", a_tenant().encode()))
        await eventually_async(lambda: views[0].get("n"))
