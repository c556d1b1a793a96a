"""The only place where the router's objects are built."""

from collections.abc import Sequence

from common.clock import SystemClock
from common.events import TenantConfig
from common.kafka.compacted import CompactedView
from common.kafka.producer import Producer
from common.lifecycle import Lifecycle, Part
from common.topics import TENANTS_CONFIG
from router.dedup import Memory
from router.process import Judge
from router.release_quarantine import Release
from router.route import Router
from router.settings import Settings
from router.worker import RouterWorker


def build(settings: Settings, life: Lifecycle) -> Sequence[Part]:
    """The view comes first: it waits for the broker, and no record may miss a known client."""
    bootstrap = settings.kafka_bootstrap_servers
    clients = CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life)
    memory = Memory(settings.router_remembered)
    judge = Judge(Router(clients.get, memory, SystemClock()).route, memory)
    producer = Producer(bootstrap, deadline_ms=0)
    release = Release(bootstrap, lambda number: clients.get(number) is not None, producer, life)
    return [clients, producer, RouterWorker(bootstrap, judge, life), release]
