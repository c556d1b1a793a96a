"""A long queue of one number on two senders, with the stand-in's limits on: the number's rate, what
it costs, and whether other numbers notice: beside the queue, and beside as many sends a second of
ten numbers without a queue."""

import asyncio
import itertools
import sys
import time
from typing import Any
from uuid import uuid4

import psycopg2
from tests.bench.whole import post_json
from tests.support.components import keep_running
from tests.support.replicas import replicas
from tests.support.sender import a_reply

from common.events import ReplyReady
from common.kafka.producer import Producer
from common.service.lifecycle import Lifecycle
from common.topics import REPLIES_OUTBOUND
from devkit.businesses import load_client
from devkit.check_result import show_progress
from devkit.loadtest.conversations import admin_client, show_clients
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running

QUEUED, OTHERS, SECONDS = 3000, 10, 30
SPREAD_PER_SECOND = 76
SLOTS = (200, 1000)
WAIT = 240.0
LEFT = "select count(*) from sender.delivery where finished_at is null"
# Of the middle of the queue: a second of warming up and the last rows left out.
RATE = """
select count(*), sum(attempts), sum(refusals), max(attempts), extract(epoch from
    percentile_disc(0.9) within group (order by finished_at)
    - percentile_disc(0.1) within group (order by finished_at))::float8
from sender.delivery where phone_number_id = %s
"""
LATENCY = """
select percentile_disc(%s) within group (
  order by 1000 * extract(epoch from finished_at - created_at))::float8
from sender.delivery where phone_number_id <> %s and body like %s
"""


async def paced(queued: int = QUEUED, seconds: int = SECONDS) -> dict[str, Any]:
    return {f"slots_{slots}": await with_slots(slots, queued, seconds) for slots in SLOTS}


async def with_slots(slots: int, queued: int, seconds: int) -> dict[str, Any]:
    with temporary_home() as home:
        plan = plan_for(home, partitions=24, extra={"sender": {"SLOTS": str(slots)}})
        async with (
            running(plan, announce=show_progress, out=sys.stderr) as system,
            replicas(system, ["sender"]),
        ):
            return await measure(system, queued, seconds)


async def measure(system: System, queued: int, seconds: int) -> dict[str, Any]:
    """The first number gets the queue; the next ten a reply a second each, alone, beside the last
    ten's and beside the queue."""
    numbers = await tenants(system)
    await post_json(f"{system.chat_url}/control/settings", {"strict": False})
    life = Lifecycle("bench")
    producer = Producer(system.kafka_admin, life)
    async with keep_running([producer]):
        flooded, others, spread = numbers[0], numbers[1 : OTHERS + 1], numbers[OTHERS + 1 :]
        await trickle(producer, others, "calm", seconds)
        await finished(system)
        await asyncio.gather(
            trickle(producer, others, "spread", seconds),
            trickle(producer, spread, "more", seconds, SPREAD_PER_SECOND / OTHERS),
        )
        await finished(system)
        flood = [one_reply(flooded, f"flood-{number}") for number in range(queued)]
        await asyncio.gather(*(publish(producer, reply) for reply in flood))
        await trickle(producer, others, "beside", seconds)
        await finished(system)
    number = flooded[1]
    count, claims, refusals, most, middle = query(system, RATE, number)
    return {
        "queued": count,
        "per_second": round(0.8 * count / middle, 1),
        "claims_per_delivery": round(claims / count, 3),
        "most_claims": most,
        "refusals": refusals,
        "others_ms": {name: latency(system, number, name) for name in ("calm", "spread", "beside")},
    }


async def tenants(system: System) -> list[tuple[int, str]]:
    """(tenant_id, phone_number_id) of new clients."""
    clients = [load_client(number) for number in range(1, 2 * OTHERS + 2)]
    async with admin_client(system.installation) as admin:
        ids = [await admin.add(client) for client in clients]
    await show_clients(system.installation, clients)
    return [(id, client.phone_number_id) for id, client in zip(ids, clients, strict=True)]


def one_reply(number: tuple[int, str], name: str) -> ReplyReady:
    """To a contact of its own."""
    contact = f"ES.{abs(hash(name)):020d}"
    phone = f"34{abs(hash(name)) % 10**9:09d}"
    tenant_id, phone_number_id = number
    return a_reply(
        str(uuid4()),
        text=name,
        tenant_id=tenant_id,
        phone_number_id=phone_number_id,
        contact_id=contact,
        wa_id=phone,
    )


async def publish(producer: Producer, reply: ReplyReady) -> None:
    await producer.send(REPLIES_OUTBOUND, reply.conversation, reply.encode())


async def trickle(
    producer: Producer, numbers: list[tuple[int, str]], name: str, seconds: int, each: float = 1.0
) -> None:
    """each: replies a second of each number."""
    began, per_second = time.monotonic(), each * len(numbers)
    for position, number in zip(range(int(seconds * per_second)), itertools.cycle(numbers)):
        await asyncio.sleep(max(0.0, began + position / per_second - time.monotonic()))
        await publish(producer, one_reply(number, f"{name}-{position}"))


async def finished(system: System) -> None:
    """Until every delivery has ended."""
    async with asyncio.timeout(WAIT):
        await asyncio.sleep(1)
        while (await asyncio.to_thread(query, system, LEFT))[0]:
            await asyncio.sleep(1)


def latency(system: System, number: str, name: str) -> dict[str, float]:
    """From stored to finished, of the other numbers."""
    return {
        f"p{share * 100:.0f}": round(query(system, LATENCY, share, number, f"{name}-%")[0], 1)
        for share in (0.5, 0.95)
    }


def query(system: System, statement: str, *values: Any) -> tuple[Any, ...]:
    connection = psycopg2.connect(system.database_url("sender"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
            assert row is not None
            return row
    finally:
        connection.close()
