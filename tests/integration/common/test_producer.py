"""A producer that librdkafka has given up ends its process; nothing waits for it in vain."""

import ctypes
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import KafkaException
from tests.support.components import RecordingLifecycle, keep_running
from tests.support.kafka import Broker
from tests.support.waiting import eventually_async

from common.kafka.producer import Producer
from common.topics import MESSAGES_OUTCOME

pytestmark = pytest.mark.integration
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
HANDLE_OFFSET = 16  # of rd_kafka_t* in confluent-kafka's Handle: behind PyObject's head


def make_fatal(producer: Producer) -> None:
    """As when a broker lost its last records. The library's own test function does it."""
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))
    library.rd_kafka_test_fatal_error.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    address = id(producer._librdkafka) + HANDLE_OFFSET
    handle = ctypes.c_void_p.from_address(address).value
    library.rd_kafka_test_fatal_error(handle, OUT_OF_ORDER_SEQUENCE_NUMBER, b"test")


async def test_a_fatal_error_ends_the_process_and_every_wait(kafka: Broker) -> None:
    life = RecordingLifecycle()
    producer = Producer(kafka.settings, life, linger_ms=10_000)
    async with keep_running([producer]):
        waiting = [producer.send(MESSAGES_OUTCOME, "k", b"v") for _ in range(50)]
        make_fatal(producer)
        await eventually_async(lambda: life.fatals, "the end of the process")
        assert life.fatals == ["producer_failed"]
        await eventually_async(lambda: producer.waiting == 0, "nothing to be waited for")
        for delivered in waiting:
            with pytest.raises(KafkaException):
                await delivered
        with pytest.raises(KafkaException):
            producer.send(MESSAGES_OUTCOME, "k", b"v")
