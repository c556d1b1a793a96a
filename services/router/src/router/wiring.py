"""The only place where the router's objects are built."""

from collections.abc import Sequence

from common.events import TenantConfig
from common.kafka.compacted import CompactedView
from common.kafka.producer import Producer
from common.service.clock import SystemClock
from common.service.lifecycle import Component, Lifecycle
from common.topics import TENANTS_CONFIG
from router.dedup import RecentlyRouted
from router.process import RecordProcessor
from router.release_quarantine import QuarantineRelease
from router.route import Router
from router.settings import Settings
from router.worker import RouterWorker


def build(settings: Settings, life: Lifecycle) -> Sequence[Component]:
    """The view comes first: it waits for the broker, and no record may miss a known tenant. Then
    the release, whose client says at once what Faust is silent about: a right that is missing.
    """
    tenants = CompactedView(settings, TENANTS_CONFIG, TenantConfig, life)
    recent = RecentlyRouted(settings.router_remembered)
    router = Router(tenants.get, recent, SystemClock(), account_of_numbers={})
    processor = RecordProcessor(router.route, recent)
    producer = Producer(settings, life, deadline_ms=0)
    release = QuarantineRelease(
        settings, lambda number: tenants.get(number) is not None, producer, life
    )
    return [tenants, producer, release, RouterWorker(settings, processor, life)]
