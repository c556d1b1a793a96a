"""The only place where the assistant's objects are built."""

import random

from assistant.byte_budget import ByteBudget
from assistant.fetch_media import MediaFetcher
from assistant.open_media import OPEN_SECONDS, MediaOpener
from assistant.openai.client import ResponsesClient
from assistant.openai.gateway import ModelGateway
from assistant.openai.sdk_client import SdkClient
from assistant.openai.transcription import Transcriber
from assistant.receive import MessageReceiver
from assistant.settings import Settings
from assistant.tables import TURNS
from assistant.transcripts import Transcripts
from assistant.turn import TurnHandler
from assistant.voice_notes import VoiceNotes
from assistant.whatsapp.media_client import MediaClient
from common.events import AssistantConfig, MessageReceived, TenantConfig
from common.kafka.broker_health import BrokerHealth
from common.kafka.compacted import CompactedView
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import REPORTS_MS, Producer
from common.outbox import Outbox
from common.outbox_age import OutboxAge
from common.postgres.database import Database
from common.postgres.errors import is_timeout, wait_reason
from common.postgres.wait_for_schema import SchemaReady
from common.sealed import KeyRing
from common.service.clock import SystemClock
from common.service.lifecycle import STOP_SECONDS, Components, Lifecycle, StopTogether
from common.tenant_secrets import TenantSecrets
from common.topics import (
    ASSISTANTS_CONFIG,
    MESSAGES_INBOUND,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
)
from common.work import Owner, Runner, WorkLimits

TRANSCRIPTION_SECONDS = 25.0  # of one call
MEDIA_BYTES = 32 << 20  # of files in memory at once; as base64 and JSON they take thrice as much


def build(settings: Settings, life: Lifecycle) -> Components:
    bootstrap = settings.kafka_bootstrap_servers
    database = Database(settings.database_url.get_secret_value(), "assistant", life)
    tenants = CompactedView(bootstrap, TENANTS_CONFIG, TenantConfig, life)
    assistants = CompactedView(bootstrap, ASSISTANTS_CONFIG, AssistantConfig, life)
    producer = Producer(bootstrap, life, deadline_ms=0, reports_ms=REPORTS_MS)
    outbox = Outbox(database, producer, life)
    owner = Owner(database, TURNS, life)
    sdk = SdkClient(connections=settings.slots)
    ring = KeyRing.read(settings.key_ring_file) if settings.key_ring_file else None
    default_key = settings.openai_api_key.get_secret_value()
    api_keys = TenantSecrets("openai_api_key", ring, default_key)
    clock, deadline = SystemClock(), settings.turn_deadline
    model = ModelGateway(ResponsesClient(settings.openai_base_url, sdk), clock, deadline)
    downloads = MediaClient(str(settings.whatsapp_graph_url))
    media = media_opener(settings, downloads, sdk, api_keys, ring, database)
    turns = TurnHandler(
        tenants.get, assistants.get, model, media, api_keys, default_key, clock, random.random
    )
    limits = WorkLimits(slots=settings.slots, deadline=2 * deadline + OPEN_SECONDS + 5)
    runner = Runner(TURNS, turns, limits, database=database, outbox=outbox, owner=owner, life=life)
    receiver = MessageReceiver(tenants.get)
    consumer = BatchConsumer(
        bootstrap,
        MESSAGES_INBOUND,
        MessageReceived,
        runner.store_and_claim(receiver.store, receiver.after_commit),
        life=life,
        dead_letters=DeadLetters(life.service, producer, life.loop),
        wait_reason=wait_reason,
        is_timeout=is_timeout,
    )
    return [
        database,
        SchemaReady(database, "assistant"),
        producer,
        BrokerHealth(producer, REPLIES_OUTBOUND, life),
        tenants,
        assistants,
        sdk,
        downloads,
        outbox,
        OutboxAge(database, life),
        owner,
        StopTogether([runner, consumer], limits.deadline + STOP_SECONDS),
    ]


def media_opener(
    settings: Settings,
    downloads: MediaClient,
    sdk: SdkClient,
    api_keys: TenantSecrets,
    ring: KeyRing | None,
    database: Database,
) -> MediaOpener:
    tokens = TenantSecrets("access_token", ring, settings.default_access_token)
    fetcher, budget = MediaFetcher(downloads), ByteBudget(MEDIA_BYTES)
    transcriber = Transcriber(settings.openai_base_url, sdk, TRANSCRIPTION_SECONDS)
    voice_notes = VoiceNotes(fetcher, transcriber, api_keys, budget, Transcripts(database).keep)
    return MediaOpener(fetcher, voice_notes, tokens, budget)
