"""The only place where the ingress's objects are built."""

from collections.abc import Sequence

from common.kafka.broker_health import BrokerHealth
from common.kafka.producer import Producer
from common.service.clock import SystemClock
from common.service.guarded_http import ConnectionLimits
from common.service.lifecycle import Component, Lifecycle
from common.topics import WEBHOOKS_RAW
from ingress.app import application, web_server
from ingress.malloc import give_back_large_blocks
from ingress.publish import Publisher
from ingress.receive import BodyLimits
from ingress.settings import Settings

PRODUCER_DEADLINE_MS = 5000
QUEUE_BYTES = 64 << 20  # librdkafka's copies, which outlive the 503
ACK_SECONDS = 4.5  # the 503 is sent before five seconds have passed


def build(settings: Settings, life: Lifecycle) -> Sequence[Component]:
    give_back_large_blocks()
    producer = Producer(
        settings,
        life,
        deadline_ms=PRODUCER_DEADLINE_MS,
        queue_bytes=QUEUE_BYTES,
    )
    app = application(
        settings.app_secrets,
        settings.whatsapp_verify_token.get_secret_value(),
        Publisher(producer, SystemClock(), ACK_SECONDS, life.crash_points),
        BodyLimits(held_bytes=settings.ingress_held_bytes),
    )
    connections = ConnectionLimits(connections=settings.ingress_connections)
    server = web_server(app, settings.listen_host, settings.ingress_port, connections, life)
    return [producer, BrokerHealth(producer, WEBHOOKS_RAW, life), server]
