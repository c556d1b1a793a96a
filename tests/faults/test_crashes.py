"""Services end, by force or in order, or stand still, in the middle of load."""

import asyncio
import signal
import time
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.support.replicas import REPLICATED, replicas
from tests.support.system import RunningSystem
from tests.support.under_load import (
    SMALL,
    assert_kept,
    model_calls,
    under_load,
    wait_for_calls_under_way,
)

from devkit.loadtest.options import LoadOptions
from devkit.stack.system import SERVICES, System
from devkit.stack.system_under_load import kill_in_turn

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
STANDSTILL = 8.0
DONE = {
    "router": "conserje_consumed_total",
    "assistant": "conserje_work_finished_total",
    "sender": "conserje_work_finished_total",
}
MODEL_SECONDS, GRAPH_SECONDS = 0.5, 0.2  # so that every crash finds work being done
UNSTORED = MODEL_SECONDS + 5.0  # seconds from a call until its answer is stored, and a restart


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def slow_providers(system: RunningSystem) -> None:
    await system.control_model("delay", ms=1000 * MODEL_SECONDS)
    await system.chat.post("/control/settings", {"latency": GRAPH_SECONDS})


async def test_kill_9_of_router_assistant_and_sender_loses_and_repeats_nothing(
    system: RunningSystem,
) -> None:
    before = restarts(system.stack)
    report = await under_load(system, kill_in_turn(system.stack, SMALL, REPLICATED))
    assert_kept(report)
    for service in REPLICATED:
        assert restarts(system.stack)[service] == before[service] + 1


async def test_kill_9_of_every_service_asks_the_model_again_only_for_what_was_in_hand(
    system: RunningSystem,
) -> None:
    load = replace(SMALL, contacts=64, messages=1, rate=16)  # so that each message is a turn
    before = restarts(system.stack)
    report = await under_load(system, kill_every_service(system, load), load)
    assert_kept(report)
    assert restarts(system.stack) == {name: count + 1 for name, count in before.items()}
    restarted = time.time() - time.monotonic() + system.stack.children.started_at("assistant")
    calls = await model_calls(system, report)
    wrong = {str(token): at for token, at in calls.items() if not is_due_to(restarted, at)}
    assert not wrong, f"restarted at {restarted}, asked at {wrong}"
    assert max(map(len, calls.values())) == 2, "something was in hand"


async def kill_every_service(system: RunningSystem, load: LoadOptions) -> None:
    await wait_for_calls_under_way(system, 4)
    system.stack.children.kill("assistant")
    others = [service for service in SERVICES if service != "assistant"]
    await kill_in_turn(system.stack, load, others)


def is_due_to(restarted: float, asked: list[float]) -> bool:
    """Once; or a second time by the new life, of what the old one had not stored when it ended."""
    first, *again = asked
    return not again or (len(again) == 1 and restarted - UNSTORED < first < restarted < again[0])


async def test_kill_9_of_the_ingress_costs_retries_only(system: RunningSystem) -> None:
    before = restarts(system.stack)["ingress"]
    report = await under_load(system, kill_in_turn(system.stack, SMALL, ("ingress", "ingress")))
    assert_kept(report)
    assert restarts(system.stack)["ingress"] == before + 2
    assert report.sent.refusals[0] > 0, "some webhooks could not connect"


async def test_a_rolling_restart_loses_and_repeats_nothing(system: RunningSystem) -> None:
    before = restarts(system.stack)
    report = await under_load(system, end_in_turn(system))
    assert_kept(report)
    assert restarts(system.stack) == {name: count + 1 for name, count in before.items()}


async def end_in_turn(system: RunningSystem) -> None:
    """As a deployment does: the next one once the one before is ready again."""
    for service in SERVICES:
        await asyncio.sleep(SMALL.seconds / len(SERVICES) / 2)
        before = system.stack.children.restarts(service)
        system.stack.children.kill(service, signal.SIGTERM)
        await system.wait_restarted(service, before)


async def test_an_assistant_that_stands_still_for_a_while_goes_on(system: RunningSystem) -> None:
    report = await under_load(system, stand_still(system, "assistant"))
    assert_kept(report)
    assert report.result.answer.p99 > 1000 * STANDSTILL / 2, "it did stand still"


async def stand_still(system: RunningSystem, service: str) -> None:
    await asyncio.sleep(SMALL.seconds / 4)
    system.stack.children.kill(service, signal.SIGSTOP)
    await asyncio.sleep(STANDSTILL)
    system.stack.children.kill(service, signal.SIGCONT)


async def test_replicas_share_the_load_and_take_over_from_each_other(system: RunningSystem) -> None:
    load = replace(SMALL, clients=8, contacts=3)  # numbers for every partition
    before = restarts(system.stack)
    async with replicas(system.stack) as ports:
        nemesis = kill_in_turn(system.stack, load, REPLICATED)
        report = await under_load(system, nemesis, load)
        shares = {
            service: counted(await metrics_at(system, port), DONE[service])
            for service, port in ports.items()
        }
    assert_kept(report)
    for service in REPLICATED:
        assert shares[service] > 0, f"the second {service} worked too"
        assert restarts(system.stack)[service] == before[service] + 1


async def metrics_at(system: RunningSystem, port: int) -> str:
    return await system.get_text(f"http://127.0.0.1:{port}/metrics")


def counted(metrics: str, name: str) -> float:
    """The sum of a counter over its labels."""
    lines = (line for line in metrics.splitlines() if line.startswith(name))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def restarts(stack: System) -> dict[str, int]:
    return {service: stack.children.restarts(service) for service in SERVICES}
