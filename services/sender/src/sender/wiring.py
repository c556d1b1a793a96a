"""The one place where the sender's objects are built."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from common.events import Event, MessageReceived, ReplyReady, StatusReceived, TenantConfig
from common.kafka.broker_health import BrokerHealth
from common.kafka.compacted import CompactedView
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.outbox import Outbox
from common.postgres.database import Database, in_transaction, is_outage
from common.postgres.wait_for_schema import SchemaReady
from common.sealed import KeyRing
from common.service.clock import SystemClock
from common.service.lifecycle import Component, Lifecycle
from common.topics import (
    MESSAGES_INBOUND,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
    Topic,
)
from common.work import Owner, Runner
from sender.accept import accept
from sender.deliver import Deliver, limits
from sender.graph import Graph
from sender.pacing import Pacing
from sender.reconcile import Effects, Parked, Reconcile
from sender.settings import SenderSettings
from sender.show_typing import IN_FLIGHT, ShowTyping
from sender.tables import DELIVERY, SCHEMA, Change, DueDelivery
from sender.tag import Tags
from sender.tokens import Tokens

E = TypeVar("E", bound=Event)
STATUSES_WAIT_MS = 150  # three statuses follow each message: a tenth of the work in larger batches
EVENTS_WAIT_MS = 20  # nobody waits for what the sender tells


class Wiring:
    """What several parts share, and the parts in the order to start them."""

    def __init__(self, settings: SenderSettings, life: Lifecycle) -> None:
        self.settings, self.life = settings, life
        self.bootstrap = settings.kafka_bootstrap_servers
        self.database = Database(settings.database_url.get_secret_value(), SCHEMA, life)
        # For ever: a gap would break a key's order.
        self.producer = Producer(self.bootstrap, deadline_ms=0, linger_ms=EVENTS_WAIT_MS)
        self.dead_letters = DeadLetters(life.service, self.producer, life.loop)
        self.outbox = Outbox(self.database, self.producer)
        self.tenants = CompactedView(self.bootstrap, TENANTS_CONFIG, TenantConfig, life)
        self.graph = Graph(settings.whatsapp_graph_url, settings.slots + IN_FLIGHT)
        ring, default = KeyRing.read(settings.key_ring_file), settings.whatsapp_access_token
        self.tokens = Tokens(ring, default.get_secret_value() if default else None)
        self.tags, self.clock = Tags(ring), SystemClock()

    def parts(self) -> Sequence[Component]:
        owner = Owner(self.database, DELIVERY)
        runner = self.runner(owner)
        replies = in_transaction(self.database, accept, runner.hint)
        return [
            self.database,
            SchemaReady(self.database, "sender"),
            self.producer,
            BrokerHealth(self.producer, self.life),
            self.tenants,
            self.graph,
            owner,
            self.outbox,
            runner,
            self.consumer(REPLIES_OUTBOUND, ReplyReady, replies),
            *self.following(runner),
            *self.typing(),
        ]

    def runner(self, owner: Owner) -> Runner[DueDelivery, Change]:
        pacing = Pacing(self.settings.number_per_second)
        work = Deliver(self.tenants.get, self.graph, self.tokens, self.tags, pacing, self.clock)
        return Runner(
            DELIVERY,
            work,
            limits(self.settings.slots),
            database=self.database,
            outbox=self.outbox,
            owner=owner,
            life=self.life,
        )

    def following(self, runner: Runner[DueDelivery, Change]) -> list[Component]:
        reconcile = Reconcile(self.tags, self.clock)

        def then(effects: Effects) -> None:
            self.life.loop.call_soon_threadsafe(self.outbox.publish, effects.rows)
            runner.hint(effects.hints)

        statuses = in_transaction(self.database, reconcile, then)
        return [
            self.consumer(MESSAGES_STATUS, StatusReceived, statuses, gather_ms=STATUSES_WAIT_MS),
            Parked(self.database, reconcile, then),
        ]

    def typing(self) -> list[Component]:
        if not self.settings.send_typing:
            return []
        show = ShowTyping(self.tenants.get, self.graph, self.tokens, self.clock, self.life.loop)
        return [show, self.consumer(MESSAGES_INBOUND, MessageReceived, show)]

    def consumer(
        self,
        topic: Topic,
        event: type[E],
        handle: Callable[[Sequence[E]], None],
        gather_ms: int = 0,
    ) -> BatchConsumer[E]:
        return BatchConsumer(
            self.bootstrap,
            topic,
            event,
            handle,
            life=self.life,
            dead_letters=self.dead_letters,
            is_outage=is_outage,
            gather_ms=gather_ms,
        )


def build(settings: SenderSettings, life: Lifecycle) -> Sequence[Component]:
    return Wiring(settings, life).parts()
