"""The only place where the assistant's objects are built."""

import random
from typing import NamedTuple, TypeVar

from assistant.apply_command import CommandApplier
from assistant.byte_budget import ByteBudget
from assistant.fetch_media import MediaFetcher
from assistant.open_media import OPEN_SECONDS, MediaOpener
from assistant.openai.client import ResponsesClient
from assistant.openai.gateway import ModelGateway
from assistant.openai.sdk_client import SdkClient
from assistant.openai.transcription import Transcriber
from assistant.prices import read_prices
from assistant.prompt import identifier_key
from assistant.receive import MessageReceiver
from assistant.reply_wamids import GATHER_MS, store_reply_wamids
from assistant.reservations import Budgets
from assistant.retention_rules import retention_rules
from assistant.settings import Settings
from assistant.tables import TURNS
from assistant.transcripts import Transcripts
from assistant.turn import TurnHandler
from assistant.turn_progress import ProgressPublisher
from assistant.usage_reports import UsageReports
from assistant.voice_notes import VoiceNotes
from assistant.whatsapp.media_client import MediaClient
from common import ring_complete
from common.events import (
    AssistantConfig,
    ConversationCommand,
    DeliveryChanged,
    Event,
    MessageReceived,
    TenantConfig,
)
from common.kafka.broker_health import BrokerHealth
from common.kafka.compacted import CompactedView
from common.kafka.consumers import KafkaConsumers
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import REPORTS_MS, Producer
from common.key_rings import KeyRings
from common.outbox import Outbox
from common.outbox_age import OutboxAge
from common.postgres.database import Database, in_transaction
from common.postgres.errors import is_timeout, wait_reason
from common.postgres.retention import Retention
from common.postgres.wait_for_schema import SchemaReady
from common.service.clock import SystemClock
from common.service.lifecycle import STOP_SECONDS, Component, Components, Lifecycle, StopTogether
from common.tenant_secrets import TenantSecrets
from common.topics import (
    ASSISTANTS_CONFIG,
    CONVERSATIONS_COMMANDS,
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
)
from common.work import Owner, Runner, WorkLimits

E = TypeVar("E", bound=Event)


TRANSCRIPTION_SECONDS = 25.0  # of one call
MEDIA_BYTES = 32 << 20  # of files in memory at once; as base64 and JSON they take thrice as much


def build(settings: Settings, life: Lifecycle) -> Components:
    database = Database.of(settings, "assistant", life)
    tenants = CompactedView(settings, TENANTS_CONFIG, TenantConfig, life)
    assistants = CompactedView(settings, ASSISTANTS_CONFIG, AssistantConfig, life)
    producer = Producer(settings, life, deadline_ms=0, reports_ms=REPORTS_MS)
    outbox = Outbox(database, producer, life)
    owner = Owner(database, TURNS, life)
    sdk = SdkClient(connections=settings.slots)
    downloads = MediaClient(str(settings.whatsapp_graph_url))
    limits = WorkLimits(
        slots=settings.slots, deadline=2 * settings.turn_deadline + OPEN_SECONDS + 5
    )
    reports = UsageReports(database, outbox, SystemClock())
    budgets = Budgets(database, limits.lease)
    secrets = secrets_of(settings)
    turns = turn_handler(
        settings, tenants, assistants, sdk, downloads, database, budgets, reports, producer, secrets
    )
    runner = Runner(TURNS, turns, limits, database=database, outbox=outbox, owner=owner, life=life)
    receiver = MessageReceiver(tenants.get, outbox.publish)
    commands = CommandApplier(tenants.get, database, outbox, runner.hint, SystemClock())
    store_messages = runner.store_and_claim(receiver.store, receiver.after_commit)
    store_wamids = in_transaction(database, store_reply_wamids)
    dead_letters = DeadLetters(life.service, producer, life.loop)
    kafka = KafkaConsumers(settings, life, dead_letters, wait_reason, is_timeout)
    consumers: list[Component] = [
        kafka.consumer(MESSAGES_INBOUND, MessageReceived, store_messages),
        kafka.consumer(CONVERSATIONS_COMMANDS, ConversationCommand, commands),
        kafka.consumer(DELIVERIES_EVENTS, DeliveryChanged, store_wamids, GATHER_MS),
    ]
    return [
        database,
        SchemaReady(database, "assistant"),
        producer,
        BrokerHealth(producer, REPLIES_OUTBOUND, life),
        tenants,
        ring_complete.for_tenants([secrets.api_keys, secrets.tokens], tenants.rows),
        assistants,
        sdk,
        downloads,
        outbox,
        OutboxAge(database, life),
        retention(settings, database),
        reports,
        owner,
        StopTogether([runner, *consumers], limits.deadline + STOP_SECONDS),
    ]


def retention(settings: Settings, database: Database) -> Retention:
    rules = retention_rules(
        settings.keep_rows_days, settings.keep_texts_days, settings.keep_usage_days
    )
    return Retention(database.transaction, rules)


class Secrets(NamedTuple):
    """api_keys: of OpenAI. tokens: of WhatsApp, for contacts' files. contacts_key: see
    identifier_key."""

    api_keys: TenantSecrets
    tokens: TenantSecrets
    contacts_key: bytes


def secrets_of(settings: Settings) -> Secrets:
    rings = KeyRings.read(settings.key_ring_file) if settings.key_ring_file else None
    of_openai, of_whatsapp = (rings.openai_api_key, rings.access_token) if rings else (None, None)
    default_key = settings.openai_api_key.get_secret_value()
    return Secrets(
        TenantSecrets("openai_api_key", of_openai, default_key),
        TenantSecrets("access_token", of_whatsapp, settings.default_access_token),
        identifier_key(of_openai),
    )


def turn_handler(
    settings: Settings,
    tenants: CompactedView[TenantConfig],
    assistants: CompactedView[AssistantConfig],
    sdk: SdkClient,
    downloads: MediaClient,
    database: Database,
    budgets: Budgets,
    reports: UsageReports,
    producer: Producer,
    secrets: Secrets,
) -> TurnHandler:
    api_keys = secrets.api_keys
    clock, budget = SystemClock(), settings.turn_budget
    client = ResponsesClient(str(settings.openai_base_url), sdk)
    return TurnHandler(
        tenants.get,
        assistants.get,
        ModelGateway(client, clock, settings.turn_deadline, budget),
        media_opener(settings, sdk, downloads, api_keys, secrets.tokens, database),
        api_keys,
        secrets.contacts_key,
        budgets,
        read_prices(settings.prices),
        reports.settled,
        ProgressPublisher(producer, clock),
        clock,
        random.random,
        budget,
    )


def media_opener(
    settings: Settings,
    sdk: SdkClient,
    downloads: MediaClient,
    api_keys: TenantSecrets,
    tokens: TenantSecrets,
    database: Database,
) -> MediaOpener:
    fetcher, budget = MediaFetcher(downloads), ByteBudget(MEDIA_BYTES)
    transcriber = Transcriber(str(settings.openai_base_url), sdk, TRANSCRIPTION_SECONDS)
    voice_notes = VoiceNotes(fetcher, transcriber, api_keys, budget, Transcripts(database).keep)
    return MediaOpener(fetcher, voice_notes, tokens, budget)
