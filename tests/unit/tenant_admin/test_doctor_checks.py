"""What facts about an installation mean, and that no check can stop the others."""

import threading
from collections.abc import Iterable
from datetime import date
from time import monotonic

import pytest

from common.topics import TENANTS_CONFIG, WEBHOOKS_RAW
from tenant_admin.installation_checks.assess import (
    DatabaseFacts,
    OutboxFacts,
    SecretFacts,
    TopicFacts,
    assess_broker,
    assess_clock,
    assess_database,
    assess_lag,
    assess_models,
    assess_numbers,
    assess_outbox,
    assess_secrets,
    assess_service,
    assess_set_aside,
    assess_topics,
    assess_webhook,
)
from tenant_admin.installation_checks.finding import Check, Finding, NotRun, run_checks

RAW = TopicFacts(24, {"cleanup.policy": "delete", "retention.ms": "-1"})
CONFIG = TopicFacts(3, {"cleanup.policy": "compact", "max.message.bytes": "2000000"})


def database(tls: str | None = "TLSv1.3", near: bool = False, at: str | None = "0007") -> set[str]:
    return states(assess_database(DatabaseFacts("18", tls, near, at, "0007")))


def states(findings: Iterable[Finding]) -> set[str]:
    """Also that whoever reads of something bad is told what to do."""
    found = list(findings)
    assert all(finding.fix for finding in found if finding.state in ("failed", "warning"))
    return {finding.state for finding in found}


def topics(raw: TopicFacts | None = RAW, config: TopicFacts | None = CONFIG) -> set[str]:
    facts = {WEBHOOKS_RAW.name: raw, TENANTS_CONFIG.name: config}
    return states(assess_topics((WEBHOOKS_RAW, TENANTS_CONFIG), facts))


def models(name: str, today: date) -> set[str]:
    return states(assess_models({name: ["A"]}, today))


ASSESSED = [
    (database(), {"ok"}),
    (database(tls=None, near=True), {"ok"}),
    (database(tls=None), {"ok", "warning"}),
    (database(at="0006"), {"ok", "failed"}),
    (database(at="0008"), {"ok"}),
    (database(at=None), {"ok", "failed"}),
    (states(assess_outbox(OutboxFacts("admin", 0.0))), {"ok"}),
    (states(assess_outbox(OutboxFacts("admin", 61.0, 3))), {"failed"}),
    (states(assess_outbox(OutboxFacts("admin", 0.0, 0, 1))), {"ok", "warning"}),
    (states(assess_outbox(OutboxFacts("sender", None))), {"not run"}),
    (states(assess_secrets(SecretFacts(2, 2, [], [], True))), {"ok"}),
    (states(assess_secrets(SecretFacts(2, 2, [], [], False))), {"ok"}),
    (states(assess_secrets(SecretFacts(2, 2, ["access_token 1f"], [], True))), {"failed"}),
    (states(assess_secrets(SecretFacts(2, 1, [], ["client 1, access_token"], True))), {"failed"}),
    (states([assess_clock("database", 0.5)]), {"ok"}),
    (states([assess_clock("Graph", -3.0, uncertain=1.5)]), {"ok"}),
    (states([assess_clock("database", -3.0)]), {"warning"}),
    (states([assess_clock("database", 60.0)]), {"failed"}),
    (models("gpt-4o", date(2026, 11, 1)), {"ok"}),
    (models("gpt-4o", date(2026, 11, 28)), {"warning"}),
    (models("gpt-4o-2024-08-06", date(2027, 1, 14)), {"failed"}),
    (models("gpt-6-luna", date(2030, 1, 1)), {"ok"}),
    (models("llama", date(2030, 1, 1)), {"ok"}),
    (states(assess_models({}, date(2026, 1, 1))), {"ok"}),
    (states(assess_numbers({"1 A": ["banned"]}, 2)), {"warning"}),
    (states(assess_numbers({}, 2)), {"ok"}),
    (topics(), {"ok"}),
    (topics(raw=None), {"failed"}),
    (topics(raw=TopicFacts(24, {"retention.ms": "1000"})), {"ok", "warning"}),
    (topics(raw=TopicFacts(24, {"max.message.bytes": "1000"})), {"ok", "warning"}),
    (topics(config=TopicFacts(3, {"cleanup.policy": "delete"})), {"ok", "warning"}),
    (topics(config=TopicFacts(3, None)), {"ok", "not run"}),
    (states(assess_broker("PLAINTEXT", None, True, 1)), {"ok", "warning"}),
    (states(assess_broker("SASL_PLAINTEXT", "ana", True, 1)), {"ok"}),
    (states(assess_broker("SASL_PLAINTEXT", "ana", False, 1)), {"ok", "warning"}),
    (states(assess_broker("SASL_SSL", "ana", False, 3)), {"ok"}),
    (states(assess_lag({"sender.replies.outbound": 0})), {"ok"}),
    (states(assess_lag({"sender.replies.outbound": 5000, "router.webhooks.raw": 0})), {"warning"}),
    (states(assess_lag({"sender.replies.outbound": None})), {"warning"}),
    (states(assess_set_aside({"webhooks.quarantine": 0})), {"ok"}),
    (states(assess_set_aside({"webhooks.quarantine": 2})), {"warning"}),
    (states([assess_service("sender:9000", 200, 200, [])]), {"ok"}),
    (states([assess_service("sender:9000", 200, 503, ["broker"])]), {"failed"}),
    (states([assess_service("sender:9000", 503, 503, [])]), {"failed"}),
    (states([assess_webhook("https://a/webhook", 403)]), {"ok"}),
    (states([assess_webhook("https://a/webhook", 200)]), {"failed"}),
]


@pytest.mark.parametrize(("found", "expected"), ASSESSED)
def test_facts_are_judged(found: set[str], expected: set[str]) -> None:
    assert found == expected


def fine() -> list[Finding]:
    return [Finding("fine", "ok", "seen")]


def broken() -> list[Finding]:
    raise KeyError("what")


def impossible() -> list[Finding]:
    raise NotRun("no address", "name one")


def test_no_check_stops_the_others() -> None:
    end = threading.Event()
    checks: dict[str, Check] = {
        "hangs": lambda: [Finding("hangs", "ok", str(end.wait()))],
        "broken": broken,
        "impossible": impossible,
        "fine": fine,
    }
    began = monotonic()
    found = run_checks(checks, seconds=0.5)
    assert monotonic() - began < 5
    end.set()
    assert [(finding.check, finding.state) for finding in found] == [
        ("hangs", "failed"),
        ("broken", "failed"),
        ("impossible", "not run"),
        ("fine", "ok"),
    ]
    assert "KeyError" in found[1].message
