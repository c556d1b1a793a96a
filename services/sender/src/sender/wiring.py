"""The one place where the sender's objects are built."""

from collections.abc import Sequence
from functools import partial

from common.clock import SystemClock
from common.database import Database, is_outage, storing
from common.events import ReplyReady, StatusReceived, TenantConfig
from common.kafka.compacted import CompactedView
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.lifecycle import Lifecycle, Part
from common.outbox import Outbox
from common.sealed import KeyRing
from common.topics import MESSAGES_STATUS, REPLIES_OUTBOUND, TENANTS_CONFIG
from common.work import Owner, Runner
from sender.accept import accept
from sender.deliver import Deliver, limits
from sender.graph import Graph
from sender.reconcile import Effects, Parked, Reconcile
from sender.settings import SenderSettings
from sender.tables import DELIVERY, SCHEMA
from sender.tag import Tags
from sender.tokens import Tokens


def build(settings: SenderSettings, life: Lifecycle) -> Sequence[Part]:
    bootstrap = settings.kafka_bootstrap_servers
    database = Database(settings.database_url.get_secret_value(), SCHEMA, life)
    producer = Producer(bootstrap, deadline_ms=0)  # for ever: a gap would break a key's order
    outbox, owner = Outbox(database, producer), Owner(database, DELIVERY)
    tenants = CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life)
    graph = Graph(settings.whatsapp_graph_url, settings.slots)
    ring = KeyRing.read(settings.key_ring_file)
    default = settings.whatsapp_access_token
    tokens = Tokens(ring, default.get_secret_value() if default else None)
    tags, clock = Tags(ring), SystemClock()
    deliver = Deliver(tenants.get, graph, tokens, tags, clock)
    runner = Runner(
        DELIVERY,
        deliver,
        limits(settings.slots),
        database=database,
        outbox=outbox,
        owner=owner,
        life=life,
    )
    consumer = partial(
        BatchConsumer,
        life=life,
        dead_letters=DeadLetters(life.service, producer, life.loop),
        is_outage=is_outage,
    )
    replies = consumer(
        bootstrap, REPLIES_OUTBOUND, ReplyReady, storing(database, accept, runner.hint)
    )
    reconcile = Reconcile(tags, clock)

    def then(effects: Effects) -> None:
        life.loop.call_soon_threadsafe(outbox.publish, effects.rows)
        runner.hint(effects.hints)

    statuses = consumer(
        bootstrap, MESSAGES_STATUS, StatusReceived, storing(database, reconcile, then)
    )
    parked = Parked(database, reconcile, then)
    return [database, producer, tenants, graph, owner, outbox, runner, replies, statuses, parked]
