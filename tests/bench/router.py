"""Messages per second through one router process, from a backlog of raw webhooks."""

import asyncio
from time import perf_counter
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from common.kafka.compacted import reader_config
from common.kafka.producer import producer_config
from common.topics import MESSAGES_INBOUND, WEBHOOKS_RAW, Topic
from devkit.stack.businesses import DEMO
from devkit.stack.system import System
from devkit.whatsapp import payloads
from devkit.whatsapp.identities import Business, Contact

MESSAGES = 20_000


async def router(system: System) -> dict[str, Any]:
    """The assistant is stopped meanwhile: it would take the cores."""
    await system.children.stop("router", "assistant", "sender")
    before = total(system.bootstrap, MESSAGES_INBOUND)
    await asyncio.to_thread(publish, system, MESSAGES)
    await system.start_service("router")
    await reaches(system.bootstrap, MESSAGES_INBOUND, before + 1)
    began, first = perf_counter(), total(system.bootstrap, MESSAGES_INBOUND)
    await reaches(system.bootstrap, MESSAGES_INBOUND, before + MESSAGES)
    took = perf_counter() - began
    return {"messages_per_second": round((before + MESSAGES - first) / took), "messages": MESSAGES}


def publish(system: System, count: int) -> None:
    """One webhook per message, straight to the topic as the ingress would put it."""
    from confluent_kafka import Producer

    producer = Producer(producer_config(system.bootstrap, deadline_ms=60_000, linger_ms=5))
    business = Business(DEMO[0].name, DEMO[0].phone_number, DEMO[0].phone_number_id)
    for number in range(count):
        contact = Contact("Bench", f"3468{number % 500:07d}", f"ES.68{number % 500:07d}")
        message = payloads.text(contact, f"wamid.route.{number}", recent(), "Hola")
        body = payloads.encode(payloads.inbound(business, contact, message))
        headers = [("phone_number_id", business.phone_number_id.encode())]
        key = business.phone_number_id.encode()
        producer.produce(WEBHOOKS_RAW.name, body, key=key, headers=list(headers))
        producer.poll(0)
    producer.flush(60)


def recent() -> float:
    from time import time

    return time()


def total(bootstrap: str, topic: Topic) -> int:
    """Records ever written to the topic."""
    consumer = Consumer(reader_config(bootstrap))
    try:
        partitions = consumer.list_topics(topic.name, timeout=10).topics[topic.name].partitions
        marks = [
            consumer.get_watermark_offsets(TopicPartition(topic.name, p), timeout=10)
            for p in partitions
        ]
        return sum(high for _, high in marks)
    finally:
        consumer.close()


async def reaches(bootstrap: str, topic: Topic, count: int, seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while total(bootstrap, topic) < count:
            await asyncio.sleep(0.05)
