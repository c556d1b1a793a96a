"""`make demo` and `make up`: the system in the foreground until Ctrl-C."""

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from common.service.settings import load
from devkit.businesses import DEMO
from devkit.loadtest.conversations import add_clients
from devkit.stack.environment import key_ring, place_of, refuse_real_secrets
from devkit.stack.home import lasting_home, private, temporary_home
from devkit.stack.ports import usual_or_free
from devkit.stack.real_model import check_key, with_real_model
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside
from devkit.stack.system import Plan, System, running

NEEDED = (
    "whatsapp_app_secrets",
    "whatsapp_verify_token",
    "whatsapp_access_token",
    "openai_api_key",
)
COMMANDS_NEED = ("DATABASE_URL", "DATABASE_CA_FILE", "KEY_RING_FILE")


async def demo() -> None:
    """With the real model where a key or a model server is given."""
    outside = with_real_model(load(Outside))
    refuse_real_secrets(outside)
    await check_key(outside, print)
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
                print(text("welcome.txt", system, env), flush=True)
                await asyncio.Event().wait()


async def up() -> None:
    """Without emulators: what is needed from outside must be set. Data stays in .conserje/up."""
    outside = load(Outside)
    missing = [name.upper() for name in NEEDED if getattr(outside, name) is None]
    if missing:
        raise CannotStart(f"set {', '.join(missing)} (or use `make demo`, which needs no account)")
    plan = Plan(lasting_home(), outside, outside.ingress_port, outside.admin_port, emulated=False)
    async with running(plan) as system:
        with for_commands(system) as env:
            print(text("ready.txt", system, env), flush=True)
            await asyncio.Event().wait()


@contextmanager
def for_commands(system: System) -> Iterator[Path]:
    """A file to source before the operators' commands, as long as the system runs."""
    path = private(Path.cwd() / ".conserje") / "commands.env"
    path.touch(0o600)
    rings = {"KEY_RING_FILE": str(key_ring(system.plan.outside, system.plan.home))}
    settings = {
        name: value
        for name, value in (system.environment("tenant-admin") | rings).items()
        if name in COMMANDS_NEED or "KAFKA_" in name
    }
    path.write_text(
        "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()),
        encoding="utf-8",
    )
    try:
        yield path.relative_to(Path.cwd())
    finally:
        path.unlink(missing_ok=True)


def text(name: str, system: System, env: Path) -> str:
    """One of the texts beside this module, filled."""
    template = resources.files("devkit.stack").joinpath(name).read_text(encoding="utf-8")
    key = place_of("admin_api_key", system.plan.outside, system.plan.home)
    model = model_in_words(system.real_model)
    return template.format(system=system, key=key, env=env, model=model)


def model_in_words(host: str | None) -> str:
    if host is None:
        return (
            "a stand-in, nothing leaves this machine; a real one: OPENAI_API_KEY=sk-... make demo"
        )
    return f"the real one of {host}: what contacts write is sent there, and may cost"
