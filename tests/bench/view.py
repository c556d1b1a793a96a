"""`python -m tests.bench.view`: memory and CPU of a service that follows 100,000 clients, as JSON.

For each service a process of its own imports what the service imports and starts its view.
"""

import asyncio
import importlib
import os
import subprocess
import sys
from contextlib import ExitStack
from time import process_time
from typing import Any

import orjson
import psutil
from confluent_kafka import Producer
from tests.support.builders import a_tenant

from common.events import TenantConfig
from common.kafka.compacted import CompactedView
from common.kafka.producer import producer_config
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings, load
from common.topics import TENANTS_CONFIG
from devkit.check_result import show_progress
from devkit.stack.home import temporary_home
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_topics import create

SERVICES = ("router", "assistant", "sender")
CLIENTS, PARTITIONS = 100_000, 24


def main() -> None:
    port, controller = free_ports(2)
    with temporary_home() as home, ExitStack() as stack:
        kafka = LocalKafka.start(home / "kafka", port, controller, announce=show_progress)
        stack.callback(kafka.stop)
        create(kafka.settings, [TENANTS_CONFIG], partitions=PARTITIONS)
        publish(kafka.settings)
        results = {service: in_own_process(service, kafka.settings) for service in SERVICES}
    print(orjson.dumps({"clients": CLIENTS, **results}).decode())


def publish(kafka: KafkaSettings) -> None:
    producer = Producer(producer_config(kafka, deadline_ms=120_000, linger_ms=20))
    for number in range(CLIENTS):
        key = f"1{number:014d}"
        row = a_tenant(phone_number_id=key, tenant_id=number + 1, access_token="x" * 120)
        while True:
            try:
                producer.produce(TENANTS_CONFIG.name, row.encode(), key=key)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(120)


def in_own_process(service: str, kafka: KafkaSettings) -> dict[str, Any]:
    show_progress(f"{service}: follows {CLIENTS} clients")
    command = [sys.executable, "-m", "tests.bench.view", service]
    environment = {**os.environ, **kafka.kafka_environment()}
    measured = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return dict(orjson.loads(measured.stdout.splitlines()[-1]))


async def follow(service: str, kafka: KafkaSettings) -> dict[str, Any]:
    importlib.import_module(f"{service}.wiring")
    before, began = rss_mib(), process_time()
    view = CompactedView(kafka, TENANTS_CONFIG, TenantConfig, Lifecycle(service))
    await view.start()
    cpu, after = process_time() - began, rss_mib()
    began = process_time()
    assert all(view.get(f"1{number:014d}") for number in range(CLIENTS))
    first = process_time() - began
    result = {
        "rss_mib_before": before,
        "rss_mib": after,
        "rss_mib_after_every_get": rss_mib(),
        "catch_up_cpu_seconds": round(cpu, 2),
        "get_us_of_each_once": round(first / CLIENTS * 1e6, 1),
    }
    await view.stop()
    return result


def rss_mib() -> float:
    return round(psutil.Process().memory_info().rss / 2**20, 1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(orjson.dumps(asyncio.run(follow(sys.argv[1], load(KafkaSettings)))).decode())
    else:
        main()
