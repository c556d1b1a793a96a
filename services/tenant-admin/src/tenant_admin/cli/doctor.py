"""`manage_clients.py doctor`: what is wrong with this installation, a line for each check."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import structlog
import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from common.service.settings import DatabaseSettings, GraphSettings, WrongFile
from tenant_admin.cli.output import AsJson, print_table
from tenant_admin.cli.session import setting_problems
from tenant_admin.cli.terminal import print_json, say, translated
from tenant_admin.installation_checks.finding import Check, Finding, NotRun, run_checks
from tenant_admin.settings import DoctorSettings, ReplaySettings

Services = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="HOST:PORT", help="A service's health port; may be repeated"),
]
Webhook = Annotated[
    str | None, typer.Option("--webhook", metavar="URL", help="What Meta calls, to be tried")
]
Checks = dict[str, Check]


def doctor(service: Services = None, webhook: Webhook = None, as_json: AsJson = False) -> None:
    """Look at the whole installation; exit code 1 if something has failed."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    found = run_checks(all_checks(service or [], webhook))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        print_findings(found)
    raise typer.Exit(int(any(finding.state == "failed" for finding in found)))


def all_checks(addresses: list[str], webhook: str | None) -> Checks:
    """Settings that are wrong fail alone; what needs them is not run."""
    return {
        **with_settings("settings of the database", DatabaseSettings, database_checks),
        **with_settings("settings of Kafka", ReplaySettings, broker_checks),
        **with_settings(
            "settings of Graph", GraphSettings, lambda graph: http_checks(addresses, graph, webhook)
        ),
    }


def with_settings(
    name: str, settings_class: type[BaseSettings], checks: Callable[[Any], Checks]
) -> Checks:
    try:
        settings = settings_class()
    except (ValidationError, WrongFile, OSError) as error:
        wrong = [Finding(name, "failed", line, "correct it") for line in setting_problems(error)]
        left_out = checks(settings_class.model_construct())
        return {name: lambda: wrong, **dict.fromkeys(left_out, not_run(name))}
    return {name: lambda: [Finding(name, "ok", "complete")], **checks(settings)}


def not_run(settings: str) -> Check:
    def check() -> list[Finding]:
        raise NotRun(f"needs the {settings}", "correct them first")

    return check


def database_checks(settings: DatabaseSettings) -> Checks:
    from tenant_admin.installation_checks.database_checks import DatabaseChecks

    return DatabaseChecks(settings, DoctorSettings().key_ring_file).checks()


def broker_checks(settings: ReplaySettings) -> Checks:
    from tenant_admin.installation_checks.broker_checks import BrokerChecks

    return BrokerChecks(settings.as_operator()).checks()


def http_checks(addresses: list[str], graph: GraphSettings, webhook: str | None) -> Checks:
    from tenant_admin.installation_checks.http_checks import HttpChecks

    return HttpChecks(addresses, str(graph.whatsapp_graph_url), webhook).checks()


def print_findings(found: list[Finding]) -> None:
    rows = [[finding.state, finding.check, finding.message, finding.fix] for finding in found]
    texts = [[translated(row[0]), row[1], translated(row[2]), translated(row[3])] for row in rows]
    print_table(("state", "check", "what was seen", "what to do"), texts)
    count = Counter(finding.state for finding in found)
    say(f"{count['failed']} failed, {count['warning']} warnings, {count['not run']} not run.")
