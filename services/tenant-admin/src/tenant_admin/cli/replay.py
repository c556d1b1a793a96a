"""`python scripts/replay.py list|show|send`: what happened to a message, and once more."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from threading import Event
from typing import Annotated, Any

import structlog
import typer

from common.kafka.record import Record
from common.lenient_json import parse_json
from common.service.settings import KafkaSettings, load
from common.topics import Topic as KafkaTopic
from tenant_admin.cli.command_line import run
from tenant_admin.cli.machine_user import machine_user
from tenant_admin.cli.output import AsJson
from tenant_admin.cli.session import Session, open_session
from tenant_admin.cli.terminal import one_line, print_json, print_json_list, say, show_text
from tenant_admin.core.problems import refuse
from tenant_admin.replay.audit_lines import record_end, record_resume, record_start
from tenant_admin.replay.read import read, read_one
from tenant_admin.replay.select import Selection, matches, moment
from tenant_admin.replay.send import (
    ReplayMarks,
    ReplayProducer,
    oldest_allowed,
    origin_of,
    positions_sent,
    replay_headers,
    target_of,
)
from tenant_admin.replay.words import words_of
from tenant_admin.settings import ReplaySettings

app = typer.Typer(
    help="Look at a topic's records; send raw webhooks and dead letters again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
LINE_OF_WORDS = 80
BIGGEST = 2**63 - 1
Topic = Annotated[str, typer.Argument(metavar="TOPIC")]
Number = Annotated[str | None, typer.Option(help="phone_number_id of the client")]
Tenant = Annotated[int | None, typer.Option(help="client id (not known to raw webhooks)")]
Conversation = Annotated[str | None, typer.Option(help="phone_number_id:contact")]
Wamid = Annotated[str | None, typer.Option(help="WhatsApp's message id")]
Since = Annotated[str | None, typer.Option(help="15m, 2h, 3d ago or an ISO time (UTC)")]
Limit = Annotated[int, typer.Option(min=1, max=10**9, help="at most so many records")]
Records = Iterable[Record]


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
    """One line per record: partition, offset, time, key, what it says."""
    selection = selection_of(number, tenant, conversation, wamid, since, until)
    records = islice(selected_records(topic, selection), limit)
    if as_json:
        print_json_list(summary_of(record) for record in records)
        return
    count = 0
    for record in records:
        show_text(line_of(record))
        count += 1
    say(f"{count} records of {topic}")


@app.command()
def show(
    topic: Topic,
    partition: Annotated[int, typer.Argument(min=0, max=2**31 - 1)],
    offset: Annotated[int, typer.Argument(min=0, max=BIGGEST)],
) -> None:
    """One record whole: headers and value, as JSON."""
    record = read_one(kafka(), topic, partition, offset)
    print_json({**summary_of(record), "value": value_of(record)})


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
    rate: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="at most so many records a second")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="a replay that did not end: send the rest")
    ] = None,
    billed: Annotated[
        bool, typer.Option("--billed", help="also what goes to phones or is counted as money")
    ] = False,
) -> None:
    """Publish raw webhooks, quarantined ones or dead letters again, marked `replayed`. At most 14
    days old. Exit code 1 when not all were sent."""
    target = target_of(topic, billed)
    selection = selection_of(number, tenant, conversation, wamid, since, until)
    if selection == Selection():
        refuse(422, "selection", "nothing is selected", "name --wamid, --number, --since, ...")
    if not (reason.strip() and is_text(reason)):
        refuse(422, "reason", "is empty, or no text", "write why it is sent again")
    now = datetime.now(UTC)
    asked = replace(selection, until=selection.until or now)
    oldest = oldest_allowed(asked.since, now)
    if dry_run:
        found = sum(1 for _ in islice(selected_records(topic, asked, oldest), limit))
        say(f"{found} records would be sent to {target.name}")
        tell_limit(found, limit)
        return
    with open_session() as session:
        run = ReplayRun(session, topic, target, asked, one_line(reason), limit, billed)
        run.start(resume)
        selected = partial(selected_records, topic, asked, oldest)
        raise typer.Exit(run.send(selected, rate))


class ReplayRun:
    """One `send`: it says how to go on with it, and leaves its lines in the audit log."""

    def __init__(
        self,
        session: Session,
        topic: str,
        target: KafkaTopic,
        asked: Selection,
        reason: str,
        limit: int,
        billed: bool,
    ) -> None:
        self._session, self._topic, self._target = session, topic, target
        self._asked, self._limit, self._billed = asked, limit, billed
        context = session.context
        self._marks = ReplayMarks(context.request_id, machine_user(), reason, context.now)
        self._sent_before: frozenset[tuple[int, int]] = frozenset()

    def start(self, resume: str | None) -> None:
        """RequestRefused when `resume` is no replay of the same selection."""
        what = self._described()
        if resume is None:
            self._session.apply(partial(record_start, topic=self._topic, asked=what))
        else:
            began = self._session.apply(
                partial(record_resume, topic=self._topic, asked=what, replay_id=resume)
            ).value
            self._marks = self._marks._replace(replay_id=resume, started=began)
            self._sent_before = frozenset(positions_sent(kafka(), self._target, self._marks))
        say(f"Replay {self._marks.replay_id}. If it does not end, go on with:", to_stderr=True)
        show_text(f"  {self.command()}", to_stderr=True)

    def send(self, selected: Callable[[Callable[[], bool]], Records], rate: int | None) -> int:
        """The exit code. Interrupted, it ends in good order."""
        stopped = Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.set())
        producer = ReplayProducer(kafka(), self._target, rate)
        complete = False
        try:
            producer.send_all(self._marked(selected(stopped.is_set)))
            complete = not stopped.is_set()
        finally:
            producer.finish()
            complete = complete and not producer.failed
            self._end(producer, complete)
        return 0 if complete else 1

    def command(self) -> str:
        """What sends the rest."""
        given = {
            "number": self._asked.phone_number_id,
            "tenant": self._asked.tenant_id,
            "conversation": self._asked.conversation,
            "wamid": self._asked.wamid,
            "since": self._asked.since and self._asked.since.isoformat(),
            "until": self._asked.until and self._asked.until.isoformat(),
            "limit": self._limit,
            "reason": self._marks.reason,
            "resume": self._marks.replay_id,
        }
        options = [f"--{name}={value}" for name, value in given.items() if value is not None]
        flags = ["--billed"] if self._billed else []
        words = ["python", "scripts/replay.py", "send", self._topic, *options, *flags]
        return one_line(shlex.join(words))

    def _marked(self, records: Records) -> Iterator[Any]:
        own = (record for record in records if not origin_of(record, self._marks.replay_id))
        for record in islice(own, self._limit):
            if (record.partition, record.offset) not in self._sent_before:
                yield record, replay_headers(record, self._marks)

    def _described(self) -> dict[str, Any]:
        """For the audit log."""
        times = {"since", "until"}
        words = {
            name: value.isoformat() if value and name in times else value
            for name, value in asdict(self._asked).items()
        }
        return words | {
            "target": self._target.name,
            "limit": self._limit,
            "reason": self._marks.reason,
        }

    def _end(self, producer: ReplayProducer, complete: bool) -> None:
        counts = {
            "sent": producer.sent,
            "failed": producer.failed,
            "sent_before": len(self._sent_before),
            "complete": complete,
        }
        sent = f"{producer.sent} of {producer.given} records sent to {self._target.name}"
        if before := len(self._sent_before):
            sent = (
                f"{producer.sent} of {producer.given} records sent to {self._target.name},"
                f" {before} before"
            )
        say(sent)
        tell_limit(producer.given + len(self._sent_before), self._limit)
        if not complete:
            say("Not all is sent. Go on with:", to_stderr=True)
            show_text(f"  {self.command()}", to_stderr=True)
        self._session.apply(
            partial(
                record_end,
                topic=self._topic,
                replay_id=self._marks.replay_id,
                counts=counts,
            )
        )


def tell_limit(count: int, limit: int) -> None:
    if count >= limit:
        say(f"--limit {limit} is reached: there may be more", to_stderr=True)


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


def selected_records(
    topic: str,
    selection: Selection,
    oldest: datetime | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Record]:
    """oldest: where to begin, else as selected. It ends early once `is_stopped()`."""
    asked = replace(selection, since=oldest or selection.since)
    records = read(kafka(), topic, asked.since, is_stopped)
    return (record for record in records if matches(record, asked))


def kafka() -> KafkaSettings:
    return load(ReplaySettings).as_operator()


def line_of(record: Record) -> str:
    at, key = time_of(record), one_line(record.key_text)
    words = one_line(words_of(record))
    cut = words if len(words) <= LINE_OF_WORDS else f"{words[: LINE_OF_WORDS - 1]}…"
    return f"{record.partition:4} {record.offset:8}  {at}  {key}  {cut}"


def summary_of(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": time_of(record),
        "key": record.key_text,
        "headers": {name: record.header_text(name) for name in record.headers},
        "bytes": len(record.value or b""),
        "words": words_of(record),
    }


def value_of(record: Record) -> Any:
    """Its JSON, else its text."""
    value = record.value or b""
    parsed = parse_json(value)
    return value.decode("utf-8", "replace") if parsed is None else parsed


def time_of(record: Record) -> str:
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).isoformat()


def main() -> None:
    # A reader's warnings must not mix with the records on stdout.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    run(app, "replay.py")
