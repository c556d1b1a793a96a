"""The only place where the service's objects are built."""

from collections.abc import Sequence
from time import monotonic

from common.kafka.producer import Producer
from common.outbox import Outbox
from common.postgres.database import Database
from common.postgres.wait_for_schema import SchemaReady
from common.service.clock import SystemClock
from common.service.lifecycle import Component, Lifecycle
from common.service.web_server import WebServer
from tenant_admin.api.app import web
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.api.office import Office
from tenant_admin.republish import Republish
from tenant_admin.settings import TenantAdminSettings
from tenant_admin.tables import SCHEMA

CONNECTIONS = 200


def build(settings: TenantAdminSettings, life: Lifecycle) -> Sequence[Component]:
    database = Database(settings.database_url.get_secret_value(), SCHEMA, life)
    producer = Producer(settings.kafka_bootstrap_servers, deadline_ms=0)
    outbox = Outbox(database, producer)
    clock = SystemClock()
    office = Office(
        database,
        outbox,
        clock,
        settings.admin_api_key.get_secret_value(),
        FailedKeys(monotonic),
        settings.key_ring_file,
    )
    server = WebServer(web(office), settings.listen_host, settings.admin_port, CONNECTIONS, life)
    republish = Republish(settings.kafka_bootstrap_servers, database, outbox, clock)
    migrated = SchemaReady(database, "tenant_admin")
    return [database, migrated, producer, outbox, server, republish]
