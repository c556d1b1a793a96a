"""Messages per second through one router process, from a backlog of raw webhooks."""

import asyncio
from collections.abc import Callable
from time import perf_counter, time
from typing import Any

from confluent_kafka import Producer
from tests.bench.processes import cpu_seconds
from tests.support.waiting import eventually_async

from common.kafka.producer import producer_config
from common.kafka.reader import TopicReader
from common.topics import MESSAGES_INBOUND, WEBHOOKS_RAW
from devkit.businesses import DEMO
from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.stack.system import System

MESSAGES = 20_000
BROKER_SECONDS, COUNT_SECONDS = 10.0, 120.0


async def router(system: System) -> dict[str, Any]:
    """The other consumers are stopped meanwhile: they would take the cores."""
    await system.children.stop("router", "assistant", "sender")
    with TopicReader(system.kafka_admin, MESSAGES_INBOUND.name) as reader:

        def count() -> int:
            """Records that were ever written to the topic."""
            return sum(reader.ends(BROKER_SECONDS).values())

        before = count()
        await asyncio.to_thread(publish, system, MESSAGES)
        await system.start_service("router")
        first = await wait_for_count(count, before + 1)
        began = perf_counter()
        await wait_for_count(count, before + MESSAGES)
        took = perf_counter() - began
    cpu = cpu_seconds(system.children.pid("router"))
    return {
        "messages_per_second": round((before + MESSAGES - first) / took),
        "cpu_us_per_message": round(cpu / MESSAGES * 1e6),
        "messages": MESSAGES,
    }


def publish(system: System, count: int) -> None:
    """One webhook per message, straight to the topic as the ingress would put it."""
    producer = Producer(producer_config(system.kafka_admin, deadline_ms=60_000, linger_ms=5))
    business = Business(DEMO[0].name, DEMO[0].phone_number, DEMO[0].phone_number_id)
    for number in range(count):
        contact = Contact("Bench", f"3468{number % 500:07d}", f"ES.68{number % 500:07d}")
        message = payloads.text(contact, f"wamid.route.{number}", time(), "Hola")
        body = payloads.encode(payloads.inbound(business, contact, message))
        headers = [("phone_number_id", business.phone_number_id.encode())]
        key = business.phone_number_id.encode()
        producer.produce(WEBHOOKS_RAW.name, body, key=key, headers=list(headers))
        producer.poll(0)
    producer.flush(60)


async def wait_for_count(count: Callable[[], int], least: int) -> int:
    """The count once it is there. Looks seldom: looking costs."""

    def reached() -> int:
        number = count()
        return number if number >= least else 0

    return int(await eventually_async(reached, f"{least} records", COUNT_SECONDS, pause=0.2))
