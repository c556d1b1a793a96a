"""Services end, by force or in order, or stand still, in the middle of load."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.support.system import World
from tests.support.under_load import SMALL, assert_kept, under_load

from devkit.stack.child import Child
from devkit.stack.ports import free_ports
from devkit.stack.system import READY_SECONDS, SERVICES, System
from devkit.stack.system_under_load import kill_in_turn

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
STANDSTILL = 8.0
REPLICATED = ("router", "assistant", "sender")
DONE = {
    "router": "conserje_consumed_total",
    "assistant": "conserje_work_finished_total",
    "sender": "conserje_work_finished_total",
}
MODEL_SECONDS, GRAPH_SECONDS = 0.5, 0.2  # so that every crash finds work in hand


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def slow_providers(world: World) -> None:
    await world.model("delay", ms=1000 * MODEL_SECONDS)
    await world.chat.post("/control/settings", {"latency": GRAPH_SECONDS})


async def test_kill_9_of_router_assistant_and_sender_loses_and_repeats_nothing(
    world: World,
) -> None:
    before = restarts(world.system)
    report = await under_load(world, kill_in_turn(world.system, SMALL, REPLICATED))
    assert_kept(report)
    for service in REPLICATED:
        assert restarts(world.system)[service] == before[service] + 1


async def test_kill_9_of_the_ingress_costs_retries_only(world: World) -> None:
    before = restarts(world.system)["ingress"]
    report = await under_load(world, kill_in_turn(world.system, SMALL, ("ingress", "ingress")))
    assert_kept(report)
    assert restarts(world.system)["ingress"] == before + 2
    assert report.sent.refusals[0] > 0, "some webhooks found nobody"


async def test_a_rolling_restart_loses_and_repeats_nothing(world: World) -> None:
    before = restarts(world.system)
    report = await under_load(world, end_in_turn(world))
    assert_kept(report)
    assert restarts(world.system) == {name: count + 1 for name, count in before.items()}


async def end_in_turn(world: World) -> None:
    """As a deployment does: the next one once the one before is ready again."""
    for service in SERVICES:
        await asyncio.sleep(SMALL.seconds / len(SERVICES) / 2)
        before = world.system.children.restarts(service)
        world.system.children.kill(service, signal.SIGTERM)
        while world.system.children.restarts(service) == before:
            await asyncio.sleep(0.02)
        await world.ready(service)


async def test_an_assistant_that_stands_still_for_a_while_goes_on(world: World) -> None:
    report = await under_load(world, stand_still(world, "assistant"))
    assert_kept(report)
    assert report.result.answer.p99 > 1000 * STANDSTILL / 2, "it did stand still"


async def stand_still(world: World, service: str) -> None:
    await asyncio.sleep(SMALL.seconds / 4)
    world.system.children.kill(service, signal.SIGSTOP)
    await asyncio.sleep(STANDSTILL)
    world.system.children.kill(service, signal.SIGCONT)


async def test_replicas_share_the_load_and_take_over_from_each_other(world: World) -> None:
    wanted = replace(SMALL, clients=8, contacts=3)  # numbers for every partition
    before = restarts(world.system)
    async with replicas(world.system) as ports:
        nemesis = kill_in_turn(world.system, wanted, REPLICATED)
        report = await under_load(world, nemesis, wanted)
        shares = {
            service: counted(await world.text(f"http://127.0.0.1:{port}/metrics"), DONE[service])
            for service, port in ports.items()
        }
    assert_kept(report)
    for service in REPLICATED:
        assert shares[service] > 0, f"the second {service} worked too"
        assert restarts(world.system)[service] == before[service] + 1


@asynccontextmanager
async def replicas(system: System) -> AsyncIterator[dict[str, int]]:
    """A second process of each; their health ports."""
    ports = dict(zip(REPLICATED, free_ports(len(REPLICATED)), strict=True))
    for service, port in ports.items():
        environment = {**system.environment(service), "HEALTH_PORT": str(port)}
        argv = [sys.executable, "-m", f"{service}.main"]
        await system.children.start(Child(f"{service}-2", argv, environment))
    for service, port in ports.items():
        url = f"http://127.0.0.1:{port}/ready"
        await system.children.wait_ready(f"{service}-2", url, READY_SECONDS)
    yield ports
    await system.children.stop(*(f"{service}-2" for service in ports))


def counted(metrics: str, name: str) -> float:
    """The sum of a counter over its labels."""
    lines = (line for line in metrics.splitlines() if line.startswith(name))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def restarts(system: System) -> dict[str, int]:
    return {service: system.children.restarts(service) for service in SERVICES}
