"""The broker or the database is gone for a while under load."""

import asyncio
import signal
from dataclasses import replace

import pytest
from tests.support.system import RunningSystem
from tests.support.under_load import SMALL, assert_kept, under_load

from devkit.stack.kafka import LocalKafka
from devkit.stack.postgres import LocalPostgres

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
OUTAGE = 10.0
LONGER = replace(SMALL, rate=12)  # so that the load outlasts the outage
STANDSTILL = 30.0  # longer than any deadline towards the broker
LONGEST = replace(SMALL, rate=4)


async def test_without_a_broker_webhooks_get_503_and_nothing_is_lost(system: RunningSystem) -> None:
    if not (kafka := system.stack.kafka):
        pytest.skip("NOT RUN: the broker is an external one")
    report = await under_load(system, gone_for_a_while(kafka), LONGER)
    assert_kept(report)
    assert report.sent.refusals[503] > 0


async def test_a_broker_that_stands_still_for_a_while_costs_retries_only(
    system: RunningSystem,
) -> None:
    if not (kafka := system.stack.kafka):
        pytest.skip("NOT RUN: the broker is an external one")
    report = await under_load(system, stands_still(kafka), LONGEST)
    assert_kept(report)
    assert report.sent.refusals[503] > 0


async def stands_still(kafka: LocalKafka) -> None:
    """Connections stay open, and nothing is answered: what clients cannot tell from a network
    that loses packets."""
    await asyncio.sleep(LONGEST.seconds / 12)
    kafka.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(STANDSTILL)
    finally:
        kafka.process.send_signal(signal.SIGCONT)


async def test_without_a_database_everything_waits(system: RunningSystem) -> None:
    if not (postgres := system.stack.postgres):
        pytest.skip("NOT RUN: the database is an external one")
    report = await under_load(system, gone_for_a_while(postgres), LONGER)
    assert_kept(report)
    assert not report.sent.refusals, "the ingress needs no database"
    assert report.result.answer.p99 > 1000 * OUTAGE / 2, "nothing was answered meanwhile"


async def gone_for_a_while(server: LocalKafka | LocalPostgres) -> None:
    """A crash, then a new start on the same data."""
    await asyncio.sleep(LONGER.seconds / 6)
    server.kill()
    await asyncio.sleep(OUTAGE)
    server.restart()
