"""The only place where the sender's objects are built."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from common import ring_complete
from common.events import (
    AccountNews,
    ConversationChanged,
    Event,
    ReplyReady,
    StatusReceived,
    TenantConfig,
    TurnProgress,
)
from common.kafka.broker_health import BrokerHealth
from common.kafka.compacted import CompactedView
from common.kafka.consumers import KafkaConsumers
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import REPORTS_MS, Producer
from common.key_rings import KeyRing, KeyRings
from common.outbox import Outbox
from common.outbox_age import OutboxAge
from common.postgres.database import Database, in_transaction
from common.postgres.errors import is_timeout, wait_reason
from common.postgres.retention import Retention
from common.postgres.wait_for_schema import SchemaReady
from common.service.clock import SystemClock
from common.service.json_http import JsonHttpClient
from common.service.lifecycle import (
    STOP_SECONDS,
    Component,
    Components,
    Lifecycle,
    StopTogether,
)
from common.service.periodic import Periodic
from common.service.settings import KafkaSettings
from common.tenant_secrets import TenantSecrets
from common.topics import (
    ACCOUNTS_EVENTS,
    CONVERSATIONS_EVENTS,
    DELIVERIES_EVENTS,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
    TURNS_PROGRESS,
)
from common.work import Owner, Runner
from sender.accept import accept
from sender.conversation_state import ConversationStates
from sender.deliver import DEADLINE, Deliver, limits
from sender.new_wamids import NewWamids
from sender.number_news import LOOK_EVERY, NumberNews, log_failed_look
from sender.number_rates import FLUSH_EVERY, NumberRates, log_failed_upkeep
from sender.parked_statuses import SWEEP_EVERY, ParkedStatuses, log_failed_sweep
from sender.reconcile import AfterCommit, Reconcile, log_failed
from sender.retention_rules import retention_rules
from sender.send_times import FORGET_EVERY, forget_pairs
from sender.settings import Settings
from sender.show_typing import MAX_IN_FLIGHT, ShowTyping
from sender.tables import DELIVERY, SCHEMA, DeliveryUpdate, DueDelivery
from sender.wake_held import WAKE_EVERY, WakeHeld, log_failed_wake
from sender.whatsapp.graph_client import CALL_SECONDS, MAX_BODY_BYTES, GraphClient
from sender.whatsapp.tag import Tags

E = TypeVar("E", bound=Event)
STATUSES_WAIT_MS = 150  # each message has three statuses; larger batches cost a tenth
TYPING_WAITS_MS = 50  # it should show before the reply comes
EVENTS_WAIT_MS = 500  # no one waits for the sender's events


def build(settings: Settings, life: Lifecycle, call_seconds: float = CALL_SECONDS) -> Components:
    """The components in the order to start them. call_seconds: the deadline of a call of Graph."""
    database = Database.of(settings, SCHEMA, life)
    producer = events_producer(settings, life)
    outbox, owner = Outbox(database, producer, life), Owner(database, DELIVERY, life)
    tenants = CompactedView(settings, TENANTS_CONFIG, TenantConfig, life)
    http = JsonHttpClient(settings.slots + MAX_IN_FLIGHT, MAX_BODY_BYTES)
    graph = GraphClient(settings.whatsapp_graph_url, http, call_seconds)
    ring, wake, clock = token_ring(settings), WakeHeld(database), SystemClock()
    tokens = TenantSecrets("access_token", ring, settings.default_access_token)
    tags, new_wamids, news = Tags(ring), NewWamids(), NumberNews(database)
    rates = NumberRates(tenants.get, settings.number_per_second, database, news.raised_to)
    deliver = Deliver(tenants.get, graph, tokens, tags, clock, new_wamids, wake)
    runner = Runner(
        DELIVERY,
        deliver,
        limits(settings.slots),
        database=database,
        outbox=outbox,
        owner=owner,
        life=life,
    )
    states = ConversationStates(database, clock)
    show_typing = ShowTyping(tenants.get, states.silenced, graph, tokens, clock, life.loop)
    kafka = kafka_consumers(settings, producer, life)
    reconcile = Reconcile(tags, clock, new_wamids, told_in_loop(deliver, life))
    consumers: list[Component] = [
        kafka.consumer(REPLIES_OUTBOUND, ReplyReady, store_replies(runner, rates, show_typing)),
        kafka.consumer(CONVERSATIONS_EVENTS, ConversationChanged, states.store),
        *number_news(kafka, news, deliver),
        *statuses(kafka, database, reconcile, new_wamids, outbox, runner),
        *turn_progress(settings, kafka, rates, show_typing),
    ]
    return [
        database,
        SchemaReady(database, "sender"),
        producer,
        BrokerHealth(producer, DELIVERIES_EVENTS, life),
        *clients(tenants, tokens),
        http,
        owner,
        outbox,
        OutboxAge(database, life),
        retention(settings, database),
        show_typing,
        *keep_pace(rates, database),
        waking(tenants, deliver, wake),
        StopTogether([runner, *consumers], DEADLINE + STOP_SECONDS),
    ]


def token_ring(settings: Settings) -> KeyRing:
    return KeyRings.read(settings.key_ring_file).ring("access_token")


def clients(tenants: CompactedView[TenantConfig], tokens: TenantSecrets) -> list[Component]:
    """Nothing goes on before they are known and their tokens can be opened."""
    return [tenants, ring_complete.for_tenants([tokens], tenants.rows)]


def events_producer(kafka: KafkaSettings, life: Lifecycle) -> Producer:
    """Without a deadline: a gap would break a key's order."""
    return Producer(kafka, life, deadline_ms=0, linger_ms=EVENTS_WAIT_MS, reports_ms=REPORTS_MS)


def kafka_consumers(kafka: KafkaSettings, producer: Producer, life: Lifecycle) -> KafkaConsumers:
    dead_letters = DeadLetters(life.service, producer, life.loop)
    return KafkaConsumers(kafka, life, dead_letters, wait_reason, is_timeout)


def retention(settings: Settings, database: Database) -> Retention:
    rules = retention_rules(settings.keep_rows_days, settings.keep_texts_days)
    return Retention(database.transaction, rules)


def store_replies(
    runner: Runner[DueDelivery, DeliveryUpdate], rates: NumberRates, show_typing: ShowTyping
) -> Callable[[Sequence[ReplyReady]], None]:
    store = runner.store_and_claim(partial(accept, rates))

    def handle(replies: Sequence[ReplyReady]) -> None:
        show_typing.note_replies(replies)
        store(replies)

    return handle


def turn_progress(
    settings: Settings, kafka: KafkaConsumers, rates: NumberRates, show_typing: ShowTyping
) -> list[Component]:
    def handle(turns: Sequence[TurnProgress]) -> None:
        rates.count_inbound(turns)
        show_typing.handle(turns)

    consumer = kafka.consumer(TURNS_PROGRESS, TurnProgress, handle, TYPING_WAITS_MS)
    return [consumer] if settings.send_typing else []


def told_in_loop(deliver: Deliver, life: Lifecycle) -> Callable[[str, int], None]:
    """What statuses say of a number comes from the consumer's thread; holds are the loop's."""

    def on_failed(phone_number_id: str, code: int) -> None:
        log_failed(phone_number_id, code)
        life.loop.call_soon_threadsafe(deliver.number_refused, phone_number_id, code)

    return on_failed


def number_news(kafka: KafkaConsumers, news: NumberNews, deliver: Deliver) -> list[Component]:
    return [
        kafka.consumer(ACCOUNTS_EVENTS, AccountNews, news.store, EVENTS_WAIT_MS),
        Periodic(partial(news.look, deliver.number_refused), LOOK_EVERY, log_failed_look),
    ]


def keep_pace(rates: NumberRates, database: Database) -> list[Component]:
    forget = partial(database.transaction, forget_pairs)
    return [
        Periodic(rates.flush, FLUSH_EVERY, log_failed_upkeep),
        Periodic(forget, FORGET_EVERY, log_failed_upkeep),
    ]


def waking(tenants: CompactedView[TenantConfig], deliver: Deliver, wake: WakeHeld) -> Component:
    """What was held back goes on when its hold ends or its client is changed."""
    tenants.after_changes(deliver.tenant_changed)
    return Periodic(wake.wake, WAKE_EVERY, log_failed_wake)


def statuses(
    kafka: KafkaConsumers,
    database: Database,
    reconcile: Reconcile,
    new_wamids: NewWamids,
    outbox: Outbox,
    runner: Runner[DueDelivery, DeliveryUpdate],
) -> list[Component]:
    def publish_and_hint(result: AfterCommit) -> None:
        outbox.publish(result.rows)
        runner.hint(result.hints)
        reconcile.after_commit(result)

    handle = in_transaction(database, reconcile.store, publish_and_hint)
    parked = ParkedStatuses(database, reconcile, new_wamids, publish_and_hint)
    return [
        kafka.consumer(MESSAGES_STATUS, StatusReceived, handle, STATUSES_WAIT_MS),
        Periodic(parked.sweep, SWEEP_EVERY, log_failed_sweep),
    ]
