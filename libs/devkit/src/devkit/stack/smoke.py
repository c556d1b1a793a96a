"""`make smoke`: the whole system once, headless; the result on one line of JSON."""

import sys
from pathlib import Path
from time import monotonic
from typing import Any

from common.service.settings import load
from devkit.businesses import DEMO
from devkit.check_result import show_progress
from devkit.loadtest.conversations import CONTACTS, QUESTIONS, add_clients, converse
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.settings import Outside
from devkit.stack.system import Plan, running
from ops.secret_files import FROM_META


def plan_for(home: Path, **changes: Any) -> Plan:
    """Free ports; Meta and OpenAI are always the emulators, so that nothing costs or is real."""
    outside = load(Outside)
    outside = outside.model_copy(
        update=dict.fromkeys(
            (*FROM_META, "openai_base_url", "openai_api_key", "whatsapp_graph_url")
        )
    )
    ingress, admin, chat = free_ports(3)
    settings: dict[str, Any] = {"level": "warning", "partitions": 6}
    return Plan(home, outside, ingress, admin, chat, **settings | changes)


async def smoke() -> dict[str, Any]:
    """Raises what kept the system from answering."""
    began = monotonic()
    with temporary_home() as home:
        async with running(plan_for(home), show_progress, sys.stderr) as system:
            await add_clients(system.installation, DEMO)
            replies = await converse(system.installation, DEMO)
            return {
                "ok": True,
                "broker": system.broker,
                "database": system.database,
                "clients": len(DEMO),
                "messages_in": len(DEMO) * CONTACTS * len(QUESTIONS),
                "replies": replies,
                "seconds": round(monotonic() - began, 1),
            }
