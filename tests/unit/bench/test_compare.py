"""Rounds become means, and a stack's children get the names of services."""

import pytest
from tests.bench.checkout import name_of
from tests.bench.compare import mean_of

from devkit.loadtest.ledger import Latency


def test_rounds_become_one_mean_of_each_number() -> None:
    rounds = [
        {"ok": True, "answer_ms": Latency(10.0, 30.0), "cpu": {"sum": 1.0}},
        {"ok": False, "answer_ms": Latency(20.0, 40.0), "cpu": {"sum": 2.0}},
    ]
    expected = {"ok": False, "answer_ms": {"p50": 15.0, "p99": 35.0}, "cpu": {"sum": 1.5}}
    assert mean_of(rounds) == expected


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/x/.venv/bin/python", "-m", "tenant_admin.main"], "tenant-admin"),
        (["/usr/bin/java", "-Xms64m", "-cp", "a.jar", "kafka.Kafka", "a.properties"], "kafka"),
        (["/x/bin/postgres", "-D", "/data"], "postgres"),
        ([], ""),
    ],
)
def test_a_process_is_known_by_its_command(command: list[str], name: str) -> None:
    assert name_of(command) == name
