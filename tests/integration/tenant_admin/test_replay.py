"""Replay as operators run it: streamed, resumed, audited, on a real broker and database."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from time import sleep
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from tests.support.abuse import highest_memory
from tests.support.kafka import Broker, admin_client
from tests.support.postgres import driver_url
from tests.support.processes import ROOT
from tests.support.records import await_records, produce, read_records
from tests.support.tenant_admin import Ran, command, environment

from common.kafka.producer import producer_config
from common.kafka.reader import TopicReader
from common.kafka.record import REPLAY_ID, REPLAYED, REPLAYED_FROM
from common.topics import (
    MESSAGES_INBOUND,
    WEBHOOKS_QUARANTINE,
    WEBHOOKS_RAW,
    dlq_of,
)
from devkit.stack.ports import free_ports

pytestmark = pytest.mark.integration
NUMBER = "631261586727899"
MIB = 1 << 20
MOST_RSS = 160 * MIB  # it had 110 and 120; a pod has 256, and the service is in it
Replay = Callable[..., Ran]
WHY = ("--reason", "after the fix")


class Settings(NamedTuple):
    """Of the commands."""

    kafka: dict[str, str]
    database: dict[str, str]

    @property
    def all(self) -> dict[str, str]:
        return self.kafka | self.database


@pytest.fixture
def settings(url: str, kafka: Broker) -> Settings:
    return Settings(dict(kafka.settings.kafka_environment()), {"DATABASE_URL": url})


@pytest.fixture
def replay(settings: Settings) -> Replay:
    def run(*words: str, **more: str) -> Ran:
        return command("replay.py", *words, **settings.all | more)

    return run


@pytest.fixture
def lines(url: str) -> Iterator[Callable[[], list[Any]]]:
    """The audit lines of replays."""
    engine = sa.create_engine(driver_url(url))
    query = """select action, actor, object, request_id, changes from admin.audit_log
    where action like 'replay.%%' order by id"""

    def read() -> list[Any]:
        with engine.connect() as connection:
            return list(connection.exec_driver_sql(query))

    yield read
    engine.dispose()


def quarantine(kafka: Broker, count: int, size: int = 20) -> None:
    body = b"x" * size
    producer = Producer(producer_config(kafka.settings, deadline_ms=60_000, linger_ms=5))
    name = kafka.settings.topic_name(WEBHOOKS_QUARANTINE.name)
    for number in range(count):
        while len(producer) * size > 50 * MIB:
            producer.poll(0.1)
        producer.produce(name, b"%d %s" % (number, body), key=NUMBER.encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def origins(kafka: Broker) -> Counter[str]:
    """Which records the copies in webhooks.raw are of, and how often."""
    return Counter(
        record.header_text(REPLAYED_FROM) for record in read_records(kafka.settings, WEBHOOKS_RAW)
    )


class Measured(NamedTuple):
    returncode: int
    stdout: str
    stderr: str
    rss: int


def measured(*words: str, **variables: str) -> Measured:
    """Runs the command; the most memory that it had."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = started(*words, out=out, err=err, **variables)
        rss = 0
        while process.poll() is None:
            with suppress(OSError, LookupError, ValueError, StopIteration):  # it has just ended
                rss = highest_memory(process.pid)
            sleep(0.01)
        out.seek(0)
        err.seek(0)
        return Measured(process.returncode, out.read(), err.read(), rss)


def started(*words: str, out: Any, err: Any, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "scripts/replay.py", *words],
        cwd=ROOT,
        env=environment(**variables),
        stdout=out,
        stderr=err,
        text=True,
    )


@pytest.mark.parametrize(("count", "size"), [(60, 3_000_000), (100_000, 2000)])
def test_m5a_large_and_many_records_are_sent_in_little_memory(
    kafka: Broker, settings: Settings, count: int, size: int
) -> None:
    quarantine(kafka, count, size)
    words = ("send", "webhooks.quarantine", "--since", "1h", "--limit", "200000", *WHY)
    ran = measured(*words, **settings.all)
    assert (ran.returncode, ran.stdout) == (0, f"{count} of {count} records sent to webhooks.raw\n")
    assert 0 < ran.rss < MOST_RSS
    with TopicReader(kafka.settings, WEBHOOKS_RAW.name) as reader:
        assert sum(reader.ends(30).values()) == count


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_m5c_a_replay_that_was_interrupted_goes_on_without_sending_again(
    kafka: Broker,
    settings: Settings,
    ended_by: signal.Signals,
    lines: Callable[[], list[Any]],
) -> None:
    quarantine(kafka, 600)
    words = ("send", "webhooks.quarantine", f"--number={NUMBER}", *WHY, "--rate", "100")
    process = started(*words, out=subprocess.PIPE, err=subprocess.PIPE, **settings.all)
    await_records(kafka.settings, WEBHOOKS_RAW, lambda read: len(read) >= 30)
    process.send_signal(ended_by)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == (-ended_by if ended_by == signal.SIGKILL else 1), errors
    sent = origins(kafka)
    assert 30 <= sent.total() < 600
    (command_line,) = {line for line in errors.splitlines() if "--resume" in line}
    rest = command("replay.py", *shlex.split(command_line)[2:], **settings.all)
    assert rest.returncode == 0, rest.stderr
    left = 600 - sent.total()
    assert rest.stdout == (
        f"{left} of {left} records sent to webhooks.raw, {sent.total()} before\n"
    )
    assert set(origins(kafka).values()) == {1}
    assert origins(kafka).total() == 600
    actions = [line.action for line in lines()]
    ended = [] if ended_by == signal.SIGKILL else ["replay.end"]
    assert actions == ["replay.start", *ended, "replay.resume", "replay.end"]
    assert len({line.request_id for line in lines()}) == 1
    again = command("replay.py", *shlex.split(command_line)[2:], **settings.all)
    assert again.stdout == "0 of 0 records sent to webhooks.raw, 600 before\n"
    if said:
        assert f"{sent.total()} of " in said


def test_m5b_a_limit_that_is_reached_is_named(kafka: Broker, replay: Replay) -> None:
    quarantine(kafka, 4)
    words = ("send", "webhooks.quarantine", "--since", "1h", *WHY)
    for more in ((), ("--dry-run",)):
        ran = replay(*words, "--limit", "3", *more)
        assert ran.stdout.startswith("3 ")
        assert "--limit 3 is reached" in ran.stderr
    assert "is reached" not in replay(*words, "--limit", "5").stderr


def test_m5c_only_the_same_selection_can_be_resumed(kafka: Broker, replay: Replay) -> None:
    quarantine(kafka, 3)
    ran = replay("send", "webhooks.quarantine", "--since", "1h", *WHY)
    replay_id = re.search(r"Replay ([0-9a-f]+)\.", ran.stderr)
    assert replay_id, ran.stderr
    other = replay("send", "webhooks.quarantine", "--since", "2h", *WHY, f"--resume={replay_id[1]}")
    assert (other.returncode, other.stdout) == (2, "")
    assert "selects something else" in other.stderr
    unknown = replay("send", "webhooks.quarantine", "--since", "1h", *WHY, "--resume=none")
    assert unknown.returncode == 2
    assert origins(kafka).total() == 3


def test_m5c_webhooks_of_a_topic_are_sent_into_it_once_each(kafka: Broker, replay: Replay) -> None:
    """The copies land behind what is read, in the same topic."""
    produce(kafka.settings, WEBHOOKS_RAW, ((NUMBER, b"%d" % n) for n in range(500)))
    ran = replay("send", "webhooks.raw", f"--number={NUMBER}", *WHY)
    assert ran.stdout == "500 of 500 records sent to webhooks.raw\n"
    copies = origins(kafka)
    assert copies.pop("") == 500
    assert set(copies.values()) == {1}
    (command_line,) = {line for line in ran.stderr.splitlines() if "--resume" in line}
    again = replay(*shlex.split(command_line)[2:])
    assert again.stdout == "0 of 0 records sent to webhooks.raw, 500 before\n"


def test_m5b_a_record_that_the_broker_refuses_ends_it_and_it_says_how_to_go_on(
    kafka: Broker, replay: Replay, lines: Callable[[], list[Any]]
) -> None:
    quarantine(kafka, 20, 100_000)
    limit_raw(kafka, 50_000)
    ran = replay("send", "webhooks.quarantine", "--since", "1h", *WHY)
    assert ran.returncode == 1
    assert re.fullmatch(r"0 of [0-9]+ records sent to webhooks.raw\n", ran.stdout)
    assert "Traceback" not in ran.stderr
    assert "Not all is sent. Go on with:" in ran.stderr
    end = {change["field"]: change["after"] for change in lines()[-1].changes}
    assert (end["sent"], end["complete"]) == (0, False)
    assert end["failed"] > 0
    limit_raw(kafka, WEBHOOKS_RAW.max_message_bytes)
    command_line = next(line for line in ran.stderr.splitlines() if "--resume" in line)
    assert replay(*shlex.split(command_line)[2:]).stdout.startswith("20 of 20 ")


def limit_raw(kafka: Broker, max_bytes: int) -> None:
    entry = ConfigEntry(
        "max.message.bytes", str(max_bytes), incremental_operation=AlterConfigOpType.SET
    )
    topic = kafka.settings.topic_name(WEBHOOKS_RAW.name)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = admin_client(kafka.settings)  # it must outlive the answer
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def test_m4f_a_replay_leaves_two_lines_in_the_audit_log(
    kafka: Broker, replay: Replay, lines: Callable[[], list[Any]]
) -> None:
    key = f"{NUMBER}:34600111222"
    produce(kafka.settings, dlq_of(MESSAGES_INBOUND), [(key, b"{}"), (f"{NUMBER}:other", b"{}")])
    ran = replay("send", "messages.inbound.dlq", f"--conversation={key}", *WHY)
    assert (ran.returncode, ran.stdout) == (0, "1 of 1 records sent to messages.inbound\n")
    start, end = lines()
    assert (start.action, end.action) == ("replay.start", "replay.end")
    assert start.object == end.object == "topic:messages.inbound.dlq"
    assert start.actor.startswith("cli:")
    said = {change["field"]: change["after"] for change in start.changes}
    assert said["reason"] == "after the fix"
    assert said["target"] == "messages.inbound"
    assert said["conversation"] == {"withheld": True}
    assert "34600111222" not in str(start)
    counts = {change["field"]: change["after"] for change in end.changes}
    assert counts == {"sent": 1, "failed": 0, "sent_before": 0, "complete": True}
    [copy] = read_records(kafka.settings, MESSAGES_INBOUND)
    assert copy.header_text(REPLAY_ID) == start.request_id == end.request_id
    assert copy.header_text(REPLAYED).endswith(": after the fix")


def test_m4f_the_line_is_there_before_the_first_record_is_sent(
    kafka: Broker, settings: Settings, lines: Callable[[], list[Any]]
) -> None:
    quarantine(kafka, 400)
    words = ("send", "webhooks.quarantine", "--since=1h", *WHY, "--rate=50")
    process = started(*words, out=subprocess.PIPE, err=subprocess.PIPE, **settings.all)
    await_records(kafka.settings, WEBHOOKS_RAW, lambda read: len(read) >= 1)
    assert [line.action for line in lines()] == ["replay.start"]
    process.kill()
    process.communicate(timeout=60)


@pytest.mark.parametrize("database", ["missing", "away"])
def test_m4f_without_a_database_nothing_is_sent_and_all_can_be_looked_at(
    kafka: Broker, settings: Settings, database: str
) -> None:
    away = {"DATABASE_URL": f"postgresql://admin:x@127.0.0.1:{free_ports(1)[0]}/x"}
    variables = settings.kafka | (away if database == "away" else {})
    quarantine(kafka, 2)
    words = ("send", "webhooks.quarantine", "--since", "1h", *WHY)
    refused = command("replay.py", *words, **variables)
    assert refused.returncode == (1 if database == "away" else 2)
    assert "DATABASE_URL" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert read_records(kafka.settings, WEBHOOKS_RAW) == []
    dry = command("replay.py", *words, "--dry-run", **variables)
    assert dry.stdout == "2 records would be sent to webhooks.raw\n"
    listed = command("replay.py", "list", "webhooks.quarantine", **variables)
    assert listed.stdout.endswith("2 records of webhooks.quarantine\n")


@pytest.mark.parametrize("topic", ["__consumer_offsets", "nonsense", "a/b"])
def test_m5g_only_topics_of_conserje_can_be_read(replay: Replay, topic: str) -> None:
    for words in (("list", topic), ("show", topic, "0", "0")):
        ran = replay(*words)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "no topic of Conserje" in ran.stderr


def test_m5d_show_goes_to_the_offset_and_says_what_is_there(kafka: Broker, replay: Replay) -> None:
    value = b'{"kind":"text","text":"\\u00bfAbren?\\u202e\\u009b"}'
    dead = dlq_of(MESSAGES_INBOUND)  # it has one partition
    produce(kafka.settings, dead, [*((NUMBER, b"%d" % n) for n in range(5000)), (NUMBER, value)])
    shown = replay("show", dead.name, "0", "5000")
    assert not set(shown.stdout) & set("\x9b\u202e")
    record = json.loads(shown.stdout)
    assert record["value"] == {"kind": "text", "text": "¿Abren?\u202e\x9b"}
    assert record["words"].startswith('kind=text "¿Abren?')
    assert (record["partition"], record["offset"]) == (0, 5000)
    assert json.loads(replay("show", dead.name, "0", "4321").stdout)["value"] == 4321
    for wrong in (("0", "5001"), ("0", str(2**63 - 1)), ("7", "0")):
        ran = replay("show", dead.name, *wrong)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.count("\n") == 1
    admin = admin_client(kafka.settings)  # it must outlive the answer
    for future in admin.delete_records([position(kafka, dead.name, 100)]).values():
        future.result(30)
    gone = replay("show", dead.name, "0", "7")
    assert (gone.returncode, gone.stdout) == (2, "")


def position(kafka: Broker, topic: str, offset: int) -> TopicPartition:
    return TopicPartition(kafka.settings.topic_name(topic), 0, offset)


def test_m5d_list_says_what_records_say_and_streams(kafka: Broker, settings: Settings) -> None:
    value = b'{"outcome":"failed","reason":"131047"}'
    dead = dlq_of(MESSAGES_INBOUND)
    produce(kafka.settings, dead, [("k\x1b[31m", value), ("k", None)])
    listed = command("replay.py", "list", dead.name, **settings.all)
    assert "outcome=failed reason=131047" in listed.stdout
    assert "(deleted)" in listed.stdout
    assert "\x1b" not in listed.stdout
    as_json = json.loads(command("replay.py", "list", dead.name, "--json", **settings.all).stdout)
    assert [each["words"] for each in as_json] == ["outcome=failed reason=131047", "(deleted)"]
    nothing = command("replay.py", "list", "webhooks.raw", "--json", **settings.all)
    assert json.loads(nothing.stdout) == []
    quarantine(kafka, 40, 3_000_000)
    ran = measured("list", "webhooks.quarantine", "--limit", "100000", **settings.all)
    assert ran.stdout.endswith("40 records of webhooks.quarantine\n")
    assert 0 < ran.rss < MOST_RSS


def test_m5f_what_is_older_than_14_days_is_left_alone(kafka: Broker, replay: Replay) -> None:
    producer = Producer(producer_config(kafka.settings, deadline_ms=30_000, linger_ms=0))
    for days in (13, 15):
        at = datetime.now(UTC) - timedelta(days=days)
        producer.produce(
            kafka.settings.topic_name(WEBHOOKS_QUARANTINE.name),
            b"x",
            key=NUMBER.encode(),
            timestamp=int(at.timestamp() * 1000),
        )
    assert producer.flush(30) == 0
    ran = replay("send", "webhooks.quarantine", f"--number={NUMBER}", *WHY)
    assert ran.stdout == "1 of 1 records sent to webhooks.raw\n"
    refused = replay("send", "webhooks.quarantine", "--since", "20d", *WHY)
    assert refused.returncode == 2
    assert "14 days" in refused.stderr
