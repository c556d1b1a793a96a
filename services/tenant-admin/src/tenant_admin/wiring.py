"""The only place where the service's objects are built."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from common.events import AccountNews, DeliveryChanged, Event, UsageRecorded
from common.kafka.consumer import BatchConsumer
from common.kafka.consumers import KafkaConsumers
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.key_rings import KeyRings
from common.outbox import Outbox
from common.outbox_age import OutboxAge
from common.postgres.dsn import dsn_of
from common.postgres.errors import is_timeout, wait_reason
from common.postgres.retention import Retention
from common.postgres.wait_for_schema import SchemaReady
from common.ring_complete import RingComplete
from common.service.clock import SystemClock
from common.service.guarded_http import ConnectionLimits
from common.service.lifecycle import Components, Lifecycle, StopTogether
from common.service.web_server import WebServer
from common.topics import ACCOUNTS_EVENTS, DELIVERIES_EVENTS, USAGE_EVENTS, Topic
from tenant_admin.api.app import create_asgi_app
from tenant_admin.api.dependencies import Services
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.api.file_forms import FileForms
from tenant_admin.bootstrap_check import BootstrapCheck
from tenant_admin.config_sync.job import ConfigSync
from tenant_admin.core.account_news import record_news
from tenant_admin.core.client_secrets import key_uses
from tenant_admin.core.retention_rules import retention_rules
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase
from tenant_admin.core.tables import SCHEMA
from tenant_admin.core.usage_counts import count_replies, record_usage
from tenant_admin.settings import Settings
from tenant_admin.whatsapp.upload_media import MediaUploads

E = TypeVar("E", bound=Event)
LIMITS = ConnectionLimits(connections=200)
SHOWN_WAIT_MS = 1000  # nobody waits for them; larger batches cost a tenth


class ShownConsumers(NamedTuple):
    """Consumers of what is only shown: each batch in a transaction."""

    kafka: KafkaConsumers
    database: SqlAlchemyDatabase

    def consumer(
        self,
        topic: Topic,
        event: type[E],
        store: Callable[[Connection, Sequence[E]], None],
    ) -> BatchConsumer[E]:
        def handle(events: Sequence[E]) -> None:
            self.database.run_transaction(lambda connection: store(connection, events))

        return self.kafka.consumer(topic, event, handle, SHOWN_WAIT_MS, is_check=False)


def build(settings: Settings, life: Lifecycle) -> Components:
    database = SqlAlchemyDatabase(dsn_of(settings), SCHEMA, life)
    producer = Producer(settings, life, deadline_ms=0)
    outbox = Outbox(database, producer, life)
    clock = SystemClock()
    services = Services(
        database,
        outbox,
        clock,
        settings.bootstrap_keys,
        FailedKeys(monotonic),
        settings.key_ring_file,
        life.crash_points,
        MediaUploads(str(settings.whatsapp_graph_url), settings.default_access_token),
        FileForms(),
    )
    server = WebServer(
        create_asgi_app(services), settings.listen_host, settings.admin_port, LIMITS, life
    )
    config_sync = ConfigSync(settings, database, outbox, clock)
    schema_ready = SchemaReady(database, "tenant_admin")
    age = OutboxAge(database, life, is_check=False)
    dead_letters = DeadLetters(life.service, producer, life.loop)
    kafka = KafkaConsumers(settings, life, dead_letters, wait_reason, is_timeout)
    shown = ShownConsumers(kafka, database)
    return [
        database,
        schema_ready,
        ring_complete(settings, database),
        BootstrapCheck(settings.bootstrap_keys, database, clock),
        producer,
        outbox,
        age,
        Retention(database.transaction, retention_rules(settings.keep_usage_days)),
        server,
        config_sync,
        StopTogether(
            [
                shown.consumer(USAGE_EVENTS, UsageRecorded, record_usage),
                shown.consumer(DELIVERIES_EVENTS, DeliveryChanged, count_replies),
                shown.consumer(ACCOUNTS_EVENTS, AccountNews, record_news),
            ]
        ),
    ]


def ring_complete(settings: Settings, database: SqlAlchemyDatabase) -> RingComplete:
    """What it seals must be readable by those who open: its keys are of the same rings."""

    async def lacking() -> list[str]:
        uses = await database.transaction_with_retry(key_uses)
        return KeyRings.read(settings.key_ring_file).lacking(uses)

    return RingComplete(lacking)
