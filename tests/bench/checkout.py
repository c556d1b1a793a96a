"""An installation of any checkout, started by its own `devkit.stack up` and looked at from outside.

What must be the same in every checkout: that command and its settings, `.conserje/commands.env`
once all is ready, tenant-admin's API, and services that run as `python -m SERVICE.main`.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from pydantic import SecretStr
from tests.bench.trickle import Target
from tests.bench.whole import CLIENTS, set_statuses
from tests.support.waiting import eventually_async

from devkit.businesses import load_client
from devkit.loadtest.conversations import ensure_clients
from devkit.loadtest.installation import Installation
from devkit.stack.child import Child
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.processes import Supervisor
from devkit.stack.settings import inherited
from devkit.stack.system import READY_SECONDS, SERVICES

STOP_SECONDS = 60.0
# As the current folder is where `up` keeps its data: a new one, so that each start is a first one.
UP = 'cd "$1" && exec "$2/.venv/bin/python" -m devkit.stack up'


@asynccontextmanager
async def running_checkout(checkout: Path) -> AsyncIterator[Target]:
    """Fresh data, this checkout's emulators, the clients of a trickle, no statuses."""
    ingress, admin, chat, model = free_ports(4)
    installation = Installation(
        webhook_url=f"http://127.0.0.1:{ingress}/webhook",
        admin_url=f"http://127.0.0.1:{admin}",
        chat_url=f"http://127.0.0.1:{chat}",
        openai_base_url=f"http://127.0.0.1:{model}/v1",
        kafka_bootstrap_servers="not read",
        whatsapp_app_secrets=SecretStr(secrets.token_hex(16)),
        whatsapp_access_token=SecretStr(secrets.token_urlsafe(24)),
        admin_api_key=SecretStr(secrets.token_urlsafe(24)),
    )
    environment = {
        **inherited(),
        "INGRESS_PORT": str(ingress),
        "ADMIN_PORT": str(admin),
        "WHATSAPP_EMULATOR_PORT": str(chat),
        "OPENAI_EMULATOR_PORT": str(model),
        "WHATSAPP_GRAPH_URL": f"{installation.chat_url}/v26.0",
        "OPENAI_BASE_URL": installation.openai_base_url,
        "WHATSAPP_APP_SECRETS": installation.whatsapp_app_secrets.get_secret_value(),
        "WHATSAPP_ACCESS_TOKEN": installation.access_token,
        "WHATSAPP_VERIFY_TOKEN": secrets.token_urlsafe(24),
        "ADMIN_API_KEY": installation.admin_api_key.get_secret_value(),
        "OPENAI_API_KEY": secrets.token_urlsafe(24),
    }
    with temporary_home() as home:
        async with Supervisor(sys.stderr, colour=False, grace=STOP_SECONDS) as children:
            emulators = await start_emulators(children, environment, installation)
            processes = await start(children, environment, checkout, home)
            await ensure_clients(installation, [load_client(n) for n in range(1, CLIENTS + 1)])
            await set_statuses(installation.chat_url, False)
            yield Target(installation, processes, emulators)


async def start_emulators(
    children: Supervisor, environment: dict[str, str], installation: Installation
) -> dict[str, int]:
    """Their process ids."""
    urls = {
        "whatsapp": installation.chat_url,
        "openai": installation.openai_base_url.removesuffix("/v1"),
    }
    for name, url in urls.items():
        argv = [sys.executable, "-m", f"devkit.emulators.{name}"]
        await children.start(Child(name, argv, environment))
        await children.wait_ready(name, f"{url}/health", READY_SECONDS)
    return {name: children.pid(name) for name in urls}


async def start(
    children: Supervisor, environment: dict[str, str], checkout: Path, home: Path
) -> dict[str, int]:
    """The process ids of its services, broker and database, once all are ready."""
    argv = ["/bin/sh", "-c", UP, "up", str(home), str(checkout.absolute())]
    await children.start(Child("up", argv, environment, restart=False))
    ready, ended = home / ".conserje" / "commands.env", asyncio.ensure_future(children.wait("up"))
    await eventually_async(lambda: ready.exists() or ended.done(), f"{checkout}", READY_SECONDS)
    if ended.done():
        raise RuntimeError(f"{checkout} did not start: its output is above")
    ended.cancel()
    return processes_of(children.pid("up"))


def processes_of(stack: int) -> dict[str, int]:
    children = psutil.Process(stack).children()
    found = {name_of(child.cmdline()): child.pid for child in children}
    expected = (*SERVICES, "kafka", "postgres")
    if missing := set(expected) - set(found):
        raise RuntimeError(f"no process of {', '.join(sorted(missing))} among {found}")
    return {name: found[name] for name in expected}


def name_of(command: Sequence[str]) -> str:
    if "kafka.Kafka" in command:
        return "kafka"
    if "-m" in command:
        return command[command.index("-m") + 1].removesuffix(".main").replace("_", "-")
    return Path(command[0]).name if command else ""
