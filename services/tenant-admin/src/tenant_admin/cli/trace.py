"""`manage_clients.py trace WAMID`: what became of one message, from the topics."""

import sys
from dataclasses import asdict
from typing import Annotated

import structlog
import typer

from tenant_admin.cli.moments import asked_moment
from tenant_admin.cli.output import AsJson, print_table
from tenant_admin.cli.session import load_settings
from tenant_admin.cli.terminal import print_json, say
from tenant_admin.core.problems import refuse
from tenant_admin.message_trace.stages import Stage
from tenant_admin.settings import ReplaySettings

Wamid = Annotated[str, typer.Argument(metavar="WAMID", help="WhatsApp's id of the message")]
Since = Annotated[str, typer.Option("--since", help="15m, 2h, 3d ago or an ISO time (UTC)")]
TITLES = ("time (UTC)", "after", "stage", "result", "reason", "text", "record")


def trace(wamid: Wamid, since: Since = "24h", as_json: AsJson = False) -> None:
    """What became of a message: every stage with its time, result and reason."""
    from tenant_admin.message_trace.find_stages import find_stages  # other commands start faster

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    if not wamid.strip().isprintable() or not wamid.strip().isascii():
        refuse(422, "wamid", "is not an id of WhatsApp", "copy it again, for example wamid.HBg...")
    kafka = load_settings(ReplaySettings).as_operator()
    stages = find_stages(kafka, wamid.strip(), asked_moment("since", since))
    if as_json:
        print_json([asdict(stage) for stage in stages])
    elif stages:
        print_table(TITLES, rows_of(stages))
    if not stages:
        say(f"Nothing of {wamid} since {since}.", to_stderr=True)
        say("Try a longer --since (webhooks are kept 14 days), and check the id.", to_stderr=True)
        raise typer.Exit(1)


def rows_of(stages: list[Stage]) -> list[list[str]]:
    began = stages[0].at
    return [
        [
            f"{stage.at:%Y-%m-%d %H:%M:%S}",
            f"{(stage.at - began).total_seconds():+.1f} s",
            stage.what,
            stage.result,
            stage.reason,
            " ".join(stage.words.split()),
            f"{stage.topic} {stage.partition} {stage.offset}",
        ]
        for stage in stages
    ]
