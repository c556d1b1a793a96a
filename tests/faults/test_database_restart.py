"""PostgreSQL restarts under load while two processes of each service have work in hand."""

from dataclasses import replace

import pytest
from tests.support.replicas import replicas
from tests.support.system import RunningSystem
from tests.support.under_load import (
    SMALL,
    assert_kept,
    model_calls,
    under_load,
    wait_for_calls_under_way,
)

from devkit.stack.postgres import LocalPostgres

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
MODEL_SECONDS = 5.0  # the restart is over before what is in hand is answered
IN_HAND = 40  # calls under way when PostgreSQL goes: of both assistants
# Conversations for every partition; each message is a turn.
LOAD = replace(SMALL, contacts=64, messages=1, rate=16)


async def test_a_restart_of_the_database_repeats_nothing_that_a_living_process_has_in_hand(
    system: RunningSystem,
) -> None:
    if not (postgres := system.stack.postgres):
        pytest.skip("NOT RUN: the database is an external one")
    await system.control_model("delay", ms=1000 * MODEL_SECONDS)
    async with replicas(system.stack):
        report = await under_load(system, restart_with_work_in_hand(system, postgres), LOAD)
    assert_kept(report)
    calls = await model_calls(system, report)
    again = {str(token): len(at) for token, at in calls.items() if len(at) > 1}
    assert not again, f"{len(again)} of {len(calls)} turns were asked again: {again}"


async def restart_with_work_in_hand(system: RunningSystem, postgres: LocalPostgres) -> None:
    await wait_for_calls_under_way(system, IN_HAND)
    postgres.restart()
