"""What is done to the installation while it is up: a client, a chat, three replicas, restarts."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from deploy.verify.compose.docker_compose import Compose
from deploy.verify.compose.restart_under_load import (
    RestartsUnderLoad,
    last_json,
    restart_under_load,
)

from devkit.check_result import Failed, show_progress

Watch = Callable[[str], AbstractContextManager[None]]
MANAGE = ("exec", "-T", "tenant-admin", "python", "scripts/manage_clients.py")
NAME, PHONE, NUMBER, ASSISTANT = "Panadería Sol", "+34611222333", "555000111222333", "asst_sol"
# In the order of their restarts: the load asks tenant-admin for its clients when it begins.
SERVICES = ("ingress", "router", "assistant", "sender", "tenant-admin")
RESTARTED = (*SERVICES, "kafka", "postgres")
REPLICAS = 3
LOAD = ("run", "--rm", "--no-deps", "-T", "exercise", "load", "--clients=3", "--contacts=70")
STEADY = ("--messages=3", "--rate=30")
DISTURBED = ("--messages=90", "--rate=30", "--disturbed")  # three minutes
FROM_LEDGER = (
    *("ok", "accepted", "outcomes", "by_outcome", "lost", "answered_twice", "order_violations"),
    *("cross_tenant", "contradicted", "reasons", "latency_ms", "posts", "refusals"),
)
INSPECTED = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{json .HostConfig.CapDrop}}"
HARDENED = '10001:10001 true ["ALL"]'


def check_installation(compose: Compose, watch: Watch) -> dict[str, Any]:
    """What was found, with the result as "ok". Raises Failed."""
    with watch("add_client"):
        add_client(compose)
    with watch("smoke"):
        chatted = smoke(compose)
    with watch("steady_load"):
        steady = last_json(compose.run(*LOAD, *STEADY))
    with watch("scale"):
        assistants = scale(compose)
    with watch("load_and_restarts"):
        disturbed = restart_under_load(compose, RESTARTED, (*LOAD, *DISTURBED), show_progress)
    loose = [service for service in SERVICES if not hardened(compose, service)]
    return {
        "ok": bool(
            chatted["ok"] and steady["ok"] and disturbed.ok and assistants == REPLICAS and not loose
        ),
        "client_added": NAME,
        "smoke": chatted,
        "steady_latency_ms": steady["latency_ms"],
        "assistants": assistants,
        "restarted_under_load": disturbed.restarted if disturbed.covered else (),
        "ledger": shown(disturbed),
        "not_hardened": loose,
    }


def add_client(compose: Compose) -> None:
    """By the operators' command, while everything runs; it must then be in the list."""
    compose.run(*MANAGE, "add", NAME, PHONE, NUMBER, ASSISTANT)
    if NAME not in (listed := compose.run(*MANAGE, "list")):
        raise Failed(f"{NAME} was added and is not listed:\n{listed}")


def smoke(compose: Compose) -> dict[str, Any]:
    """Chats with the demo's clients and the one just added."""
    client = ("--client", f"{NAME},{PHONE},{NUMBER}")
    return last_json(compose.run("run", "--rm", "--no-deps", "-T", "exercise", "smoke", *client))


def scale(compose: Compose) -> int:
    """The number of assistants that are there and healthy."""
    replicas = ("--scale", f"assistant={REPLICAS}")
    compose.run("up", "--detach", "--wait", "--no-recreate", *replicas)
    return len(compose.containers("assistant"))


def hardened(compose: Compose, service: str) -> bool:
    """Not root, a root file system that cannot be written, no capabilities."""
    containers = compose.containers(service)
    states = {compose.engine.run("inspect", "-f", INSPECTED, name) for name in containers}
    return states == {HARDENED}


def shown(disturbed: RestartsUnderLoad) -> dict[str, Any]:
    """The ledger without what is long."""
    return {name: disturbed.ledger[name] for name in FROM_LEDGER}
