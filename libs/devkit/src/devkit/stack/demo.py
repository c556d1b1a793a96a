"""`make demo` and `make up`: the system in the foreground until Ctrl-C."""

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devkit.businesses import DEMO
from devkit.loadtest.conversations import add_clients
from devkit.stack.home import lasting_home, temporary_home
from devkit.stack.ports import usual_or_free
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside
from devkit.stack.system import Plan, System, running

WELCOME = """
Conserje is running.

  Chat page     {chat}
  Admin API     {admin}/docs      key: {key}
  Webhook       {webhook}
  Topics        . {env} && make replay ARGS="list webhooks.raw"

Two clients answer already. Add a third from another terminal; it answers at once:

  . {env} && .venv/bin/python scripts/manage_clients.py \\
      add "Panadería Sol" "+34611222333" "555000111222333" "asst_sol"

then open its chat with "+" on the chat page. Ctrl-C stops everything; nothing is kept.
"""

READY = """
Conserje is ready: webhook {webhook}, admin API {admin}/docs, key {key}
Broker {broker} at {bootstrap}, data in {home}.
Manage clients: . {env} && .venv/bin/python scripts/manage_clients.py list
Ctrl-C stops it.
"""

NEEDED = (
    "whatsapp_app_secrets",
    "whatsapp_verify_token",
    "whatsapp_access_token",
    "openai_api_key",
)
COMMANDS_NEED = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "KEY_RING_FILE")


async def demo() -> None:
    outside = Outside()
    with temporary_home() as home:
        plan = Plan(
            home,
            outside,
            usual_or_free("Ingress", outside.ingress_port, print),
            usual_or_free("Admin", outside.admin_port, print),
            usual_or_free("Chat page", outside.chat_port, print),
            partitions=6,
        )
        async with running(plan) as system:
            await add_clients(system.installation, DEMO)
            with for_commands(system) as env:
                print(WELCOME.format(**words(system, env)), flush=True)
                await asyncio.Event().wait()


async def up() -> None:
    """Without emulators: what is needed from outside must be set. Data stays in .conserje/up."""
    outside = Outside()
    missing = [name.upper() for name in NEEDED if getattr(outside, name) is None]
    if missing:
        raise CannotStart(f"set {', '.join(missing)} (or use `make demo`, which needs no account)")
    plan = Plan(lasting_home(), outside, outside.ingress_port, outside.admin_port, emulated=False)
    async with running(plan) as system:
        with for_commands(system) as env:
            print(READY.format(**words(system, env)), flush=True)
            await asyncio.Event().wait()


@contextmanager
def for_commands(system: System) -> Iterator[Path]:
    """A file to source before the operators' commands, as long as the system runs."""
    folder = Path.cwd() / ".conserje"
    folder.mkdir(exist_ok=True)
    path = folder / "commands.env"
    path.touch(0o600)
    settings = system.environment("tenant-admin")
    path.write_text(
        "".join(f"export {name}={shlex.quote(settings[name])}\n" for name in COMMANDS_NEED),
        encoding="utf-8",
    )
    try:
        yield path.relative_to(Path.cwd())
    finally:
        path.unlink(missing_ok=True)


def words(system: System, env: Path) -> dict[str, str]:
    return {
        "chat": system.chat_url,
        "admin": system.admin_url,
        "webhook": system.webhook_url,
        "key": system.secrets["ADMIN_API_KEY"],
        "broker": system.broker,
        "bootstrap": system.bootstrap,
        "home": str(system.plan.home),
        "env": str(env),
    }
