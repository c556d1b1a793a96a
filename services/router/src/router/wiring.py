"""The only place where the router's objects are built."""

from collections.abc import Sequence

from common.events import TenantConfig
from common.kafka.compacted import CompactedView
from common.kafka.producer import Producer
from common.service.clock import SystemClock
from common.service.lifecycle import Component, Lifecycle
from common.topics import TENANTS_CONFIG
from router.judge import Judge
from router.release import Release
from router.remember import Memory
from router.route import Router
from router.settings import Settings
from router.worker import RouterWorker


def build(settings: Settings, life: Lifecycle) -> Sequence[Component]:
    """The view comes first: it waits for the broker, and no record may miss a known client."""
    bootstrap = settings.kafka_bootstrap_servers
    clients = CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life)
    memory = Memory(settings.router_remembered)
    judge = Judge(Router(clients.get, memory, SystemClock()).route, memory)
    producer = Producer(bootstrap, deadline_ms=0)
    release = Release(bootstrap, lambda number: clients.get(number) is not None, producer, life)
    return [clients, producer, RouterWorker(bootstrap, judge, life), release]
