import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.support.processes import is_alive
from tests.support.waiting import eventually_async

from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from devkit.stack.server_process import CannotStart

pytestmark = pytest.mark.integration


def start(home: Path) -> LocalKafka:
    return LocalKafka.start(home, *free_ports(2))


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    broker = start(tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.stop()


def create_topic(kafka: LocalKafka) -> str:
    name = f"t-{uuid4()}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, num_partitions=2)])[name].result(10)
    return name


def produce(kafka: LocalKafka, topic: str, value: bytes) -> None:
    stored: list[bool] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all"})
    producer.produce(topic, value, on_delivery=lambda error, _: stored.append(error is None))
    assert producer.flush(20) == 0
    assert stored == [True]


def first_value(kafka: LocalKafka, topic: str) -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": f"g-{uuid4()}",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    try:
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def test_an_acknowledged_record_is_read_back(kafka: LocalKafka) -> None:
    topic = create_topic(kafka)
    produce(kafka, topic, b"hola")
    assert first_value(kafka, topic) == b"hola"
    assert kafka.version == "kafka 4.4.0"


def test_a_record_survives_kill_9_and_a_restart(kafka: LocalKafka) -> None:
    topic = create_topic(kafka)
    produce(kafka, topic, b"hola")
    kafka.kill()
    kafka.restart()
    assert first_value(kafka, topic) == b"hola"


def test_topics_are_never_created_by_using_them(kafka: LocalKafka) -> None:
    stored: list[bool] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 2000})
    producer.produce("typo", b"x", on_delivery=lambda error, _: stored.append(error is None))
    producer.flush(10)
    assert stored == [False]
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics
    assert "typo" not in topics


def test_a_taken_port_is_a_clear_error(kafka: LocalKafka, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=f"port {kafka.port} is taken"):
        LocalKafka.start(tmp_path, kafka.port, free_ports(1)[0])


def test_stop_leaves_no_process_and_other_ports_find_the_same_data(tmp_path: Path) -> None:
    before = start(tmp_path)
    topic = create_topic(before)
    produce(before, topic, b"hola")
    before.stop()
    assert not is_alive(before.process.pid)
    after = start(tmp_path)
    try:
        assert first_value(after, topic) == b"hola"
    finally:
        after.stop()


STARTING = """
import sys, time
from pathlib import Path
from devkit.stack.kafka import LocalKafka
kafka = LocalKafka.start(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), announce=repr)
print(kafka.process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", STARTING, str(tmp_path), *map(str, free_ports(2))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=os.environ) as parent:
        assert parent.stdout is not None
        broker = int(parent.stdout.readline())
        assert is_alive(broker)
        parent.send_signal(signal.SIGKILL)
        await eventually_async(lambda: not is_alive(broker))


def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("")
    start(tmp_path).stop()
