"""`python scripts/replay.py list|show|send`: what happened to a message, and once more."""

import getpass
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import structlog
import typer

from common.kafka.record import Record
from common.service.settings import KafkaSettings, load
from tenant_admin.cli.command_line import run
from tenant_admin.cli.output import AsJson, print_json, printable
from tenant_admin.core.problems import refuse
from tenant_admin.replay.read import read
from tenant_admin.replay.select import Selection, matches, moment
from tenant_admin.replay.send import replay_headers, send, target_of
from tenant_admin.settings import ReplaySettings

app = typer.Typer(
    help="Look at a topic's records; send raw webhooks and dead letters again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Topic = Annotated[str, typer.Argument(metavar="TOPIC")]
Number = Annotated[str | None, typer.Option(help="phone_number_id of the client")]
Tenant = Annotated[int | None, typer.Option(help="client id (not known to raw webhooks)")]
Conversation = Annotated[str | None, typer.Option(help="phone_number_id:contact")]
Wamid = Annotated[str | None, typer.Option(help="WhatsApp's message id")]
Since = Annotated[str | None, typer.Option(help="15m, 2h, 3d ago or an ISO time (UTC)")]
Limit = Annotated[int, typer.Option(min=1, max=10**9, help="at most so many records")]


@app.command("list")
def list_records(
    topic: Topic,
    number: Number = None,
    tenant: Tenant = None,
    conversation: Conversation = None,
    wamid: Wamid = None,
    since: Since = None,
    until: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """One line per record: partition, offset, time, key, size."""
    selection = selection_of(number, tenant, conversation, wamid, since, until)
    records = list(islice(selected_records(topic, selection), limit))
    if as_json:
        print_json([summary_of(record) for record in records])
        return
    for record in records:
        at, key = summary_of(record)["at"], printable(record.key_text)
        typer.echo(f"{record.partition:4} {record.offset:8}  {at}  {key}  {size(record)} bytes")
    typer.echo(f"{len(records)} records of {topic}")


@app.command()
def show(topic: Topic, partition: int, offset: int) -> None:
    """One record whole: headers and value, as JSON."""
    every = selected_records(topic, Selection())
    matching = (each for each in every if (each.partition, each.offset) == (partition, offset))
    record = next(matching, None)
    if record is None:
        refuse(422, "offset", f"no record {offset} in partition {partition}", "see `list`")
    print_json({**summary_of(record), "value": (record.value or b"").decode("utf-8", "replace")})


@app.command("send")
def send_again(
    topic: Topic,
    reason: Annotated[str, typer.Option(help="why, for whoever reads the header later")],
    number: Number = None,
    tenant: Tenant = None,
    conversation: Conversation = None,
    wamid: Wamid = None,
    since: Since = None,
    until: Since = None,
    limit: Limit = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be sent")] = False,
) -> None:
    """Publish raw webhooks, quarantined ones or dead letters again, marked `replayed`."""
    target = target_of(topic)
    selection = selection_of(number, tenant, conversation, wamid, since, until)
    if selection == Selection():
        refuse(422, "selection", "nothing is selected", "name --wamid, --number, --since, ...")
    if not (reason.strip() and is_text(reason)):
        refuse(422, "reason", "is empty, or no text", "write why it is sent again")
    records = list(islice(selected_records(topic, selection), limit))
    if dry_run:
        typer.echo(f"{len(records)} records would be sent to {target.name}")
        return
    now = datetime.now(UTC)
    user = getpass.getuser()
    marked = [(record, replay_headers(record, user, reason, now)) for record in records]
    sent = send(kafka(), target, marked)
    typer.echo(f"{sent} of {len(records)} records sent to {target.name}")
    raise typer.Exit(0 if sent == len(records) else 1)


def selection_of(
    number: str | None,
    tenant: int | None,
    conversation: str | None,
    wamid: str | None,
    since: str | None,
    until: str | None,
) -> Selection:
    now = datetime.now(UTC)
    try:
        after, before = (moment(text, now) if text else None for text in (since, until))
    except ValueError:
        refuse(422, "since/until", "is not a time", "write 15m, 2h or 2026-11-25T10:00")
    if after and before and before <= after:
        refuse(422, "until", "is not after since", "swap the two")
    for field, given in (("conversation", conversation), ("wamid", wamid)):
        if given and not is_text(given):
            refuse(422, field, "holds bytes that are no text", "copy it again")
    return Selection(number, tenant, conversation, wamid, after, before)


def is_text(given: str) -> bool:
    """Bytes of the command line that are not UTF-8 are halves of characters here."""
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def selected_records(topic: str, selection: Selection) -> Iterable[Record]:
    return (
        record for record in read(kafka(), topic, selection.since) if matches(record, selection)
    )


def kafka() -> KafkaSettings:
    return load(ReplaySettings).as_operator()


def summary_of(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).isoformat(),
        "key": record.key_text,
        "headers": {name: record.header_text(name) for name in record.headers},
        "bytes": size(record),
    }


def size(record: Record) -> int:
    return len(record.value or b"")


def main() -> None:
    # A reader's warnings must not mix with the records on stdout.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    run(app, "replay.py")
