"""A reply every few seconds to one contact, with the stand-in's limits on: none is refused by the
pair's limit, and how late the latest is."""

import asyncio
import sys
import time
from collections import Counter
from typing import Any
from uuid import uuid4

from tests.bench.paced import finished, publish, query, tenants
from tests.bench.whole import post_json
from tests.support.components import keep_running
from tests.support.sender import a_reply

from common.kafka.producer import Producer
from common.service.lifecycle import Lifecycle
from devkit.loadtest.json_client import JsonClient
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running

EVERY, SECONDS = 4.0, 60.0
LATE = """
select count(*), max(extract(epoch from finished_at - created_at))::float8
from sender.delivery where phone_number_id = %s
"""


async def brisk_chat(every: float = EVERY, seconds: float = SECONDS) -> dict[str, Any]:
    with temporary_home() as home:
        async with running(plan_for(home), out=sys.stderr) as system:
            return await measure(system, every, seconds)


async def measure(system: System, every: float, seconds: float) -> dict[str, Any]:
    [(tenant_id, number), *_] = await tenants(system)
    await post_json(f"{system.chat_url}/control/settings", {"strict": False})
    life = Lifecycle("bench")
    producer = Producer(system.kafka_admin, life)
    async with keep_running([producer]):
        began = time.monotonic()
        for position in range(int(seconds / every)):
            await asyncio.sleep(max(0.0, began + position * every - time.monotonic()))
            fields = {"tenant_id": tenant_id, "phone_number_id": number}
            await publish(producer, a_reply(str(uuid4()), **fields))
        await finished(system)
    replies, latest = query(system, LATE, number)
    async with JsonClient(system.chat_url) as chat:
        posts = await chat.call("GET", "/control/asked/refused")
    codes = Counter(str(post["code"]) for post in posts)
    return {"replies": replies, "latest_seconds": round(latest, 1), "refused": codes}
