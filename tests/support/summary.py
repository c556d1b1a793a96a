"""What a test run prints at its end: tests per layer, broker and database, what did not run."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

LAYERS = ("unit", "contract", "integration", "e2e", "faults", "bench")
Reporter = pytest.TerminalReporter
used: pytest.StashKey[dict[str, str]] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.stash[used] = {}


def remember(config: pytest.Config, part: str, version: str) -> None:
    config.stash[used][part] = version


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands over what it used."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["used"] = session.config.stash[used]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    node.config.stash[used].update(getattr(node, "workeroutput", {}).get("used", {}))


def pytest_terminal_summary(terminalreporter: Reporter, config: pytest.Config) -> None:
    parts = config.stash[used]
    terminalreporter.section("Conserje")
    for layer, counts in per_layer(terminalreporter).items():
        line = ", ".join(f"{number} {what}" for what, number in counts.items())
        terminalreporter.line(f"{layer:12} {line}")
    terminalreporter.line(f"{'broker':12} {parts.get('broker', 'none used')}")
    terminalreporter.line(f"{'database':12} {parts.get('database', 'none used')}")
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.line(f"NOT RUN      {report.nodeid}: {reason(report)}")


def per_layer(reporter: Reporter) -> dict[str, Counter[str]]:
    layers: dict[str, Counter[str]] = {layer: Counter() for layer in LAYERS}
    for what in ("passed", "failed", "error", "skipped"):
        for layer in layers_of(reporter.stats.get(what, [])):
            layers[layer]["NOT RUN" if what == "skipped" else what] += 1
    return {layer: counts for layer, counts in layers.items() if counts}


def layers_of(reports: list[pytest.TestReport]) -> Iterator[str]:
    for report in reports:
        layer = report.nodeid.removeprefix("tests/").split("/")[0]
        if layer in LAYERS:
            yield layer


def reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ").removeprefix("NOT RUN: ")
