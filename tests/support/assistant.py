"""The assistant in this process, on a real broker and database, with a scripted model."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from tests.support.builders import a_command, a_message, a_tenant, an_assistant
from tests.support.components import keep_running
from tests.support.media import Media
from tests.support.records import read_events
from tests.support.waiting import eventually_async

from assistant.apply_command import CommandApplier
from assistant.openai.gateway import ModelGateway
from assistant.openai.model_server import ModelServer
from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from assistant.prices import read_prices
from assistant.receive import MessageReceiver
from assistant.reservations import Budgets
from assistant.tables import TURNS
from assistant.transcripts import Transcripts
from assistant.turn import TurnHandler
from assistant.turn_progress import REPEAT_SECONDS, ProgressPublisher
from assistant.usage_reports import UsageReports
from common.events import (
    AssistantConfig,
    ConversationChanged,
    ConversationCommand,
    Event,
    MessageReceived,
    OutcomeRecorded,
    ReplyReady,
    TenantConfig,
)
from common.kafka.producer import Producer
from common.outbox import Outbox
from common.postgres.database import Database
from common.service.clock import Clock, SystemClock
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.tenant_secrets import TenantSecrets
from common.topics import CONVERSATIONS_EVENTS, MESSAGES_OUTCOME, REPLIES_OUTBOUND, Topic
from common.work import Owner, Runner, WorkLimits, WorkState

E = TypeVar("E", bound=Event)
OPEN = """select (select count(*) from turn where finished_at is null) as turns,
  (select count(*) from outbox) as events"""
# A message makes the turn due, so that it is looked at once more.
PUT_OFF = f"""select from turn where reason = 'taken_over' and state = {WorkState.WAITING.value}
  and due_at > now()"""
command_numbers = itertools.count(1)


@dataclass
class ScriptedModel:
    """Answers from `script` (a value or a function of the body), else echoes; records bodies.

    While there is a `gate`, an answer waits until it is set.
    """

    script: list[Any] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def ask(
        self, server: ModelServer, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        self.bodies.append(body)
        self.keys.append(server.api_key)
        answer: ModelAnswer | ModelFailure = self._next(body)
        if self.gate:
            await self.gate.wait()
        return answer

    def _next(self, body: dict[str, Any]) -> Any:
        if self.script:
            answer = self.script.pop(0)
            return answer(body) if callable(answer) else answer
        return ModelAnswer(f"echo {body['input'][-1]['content']}", Usage("m", 10, 0, 5))

    def close(self) -> asyncio.Event:
        """From now on answers wait until the returned event is set."""
        self.gate = asyncio.Event()
        return self.gate


@dataclass
class FixedView:
    """A view that holds what the test put in."""

    rows: dict[str, Any]

    def get(self, key: str) -> Any:
        return self.rows.get(key)


def incoming(text: str, contact: str = "ann", tenant: int = 1, **fields: Any) -> MessageReceived:
    """A message of now; its wamid is its text unless given."""
    now = datetime.now(UTC)
    values = {"wamid": f"wamid.{contact}.{text}", "tenant_id": tenant, "contact_id": contact}
    values |= {"phone_number_id": f"number-{tenant}", "sent_at": now, "received_at": now}
    return a_message(text, **values | fields)


def ordered(what: str, contact: str = "ann", tenant: int = 1, **fields: Any) -> ConversationCommand:
    """A command of now, another one each time."""
    values = {
        "event_id": f"command-{next(command_numbers)}",
        "tenant_id": tenant,
        "contact_id": contact,
    }
    values |= {"phone_number_id": f"number-{tenant}", "occurred_at": datetime.now(UTC)}
    return a_command(what, **values | fields)


def a_client(tenant: int = 1, **fields: Any) -> TenantConfig:
    """A client whose turns wait for nothing more, unless its settings say so."""
    settings = {"quiet_window_ms": 0, "disclosure_text": ""} | fields.pop("settings", {})
    values = {"tenant_id": tenant, "phone_number_id": f"number-{tenant}", "settings": settings}
    return a_tenant(f"Client {tenant}", **values | fields)


@dataclass
class RunningAssistant:
    """Messages go in through `receiver`, as the consumer's thread would do it."""

    kafka: KafkaSettings
    database: Database
    outbox: Outbox
    receiver: MessageReceiver
    runner: Runner[Any, Any]
    model: ScriptedModel
    tenants: FixedView
    assistants: FixedView
    applier: CommandApplier
    reports: UsageReports

    async def order(self, *commands: ConversationCommand) -> None:
        await asyncio.to_thread(self.applier, commands)

    async def wait_until_put_off(self) -> None:
        """Until a turn waits for the end of a handover."""
        await self.eventually(PUT_OFF, bool)

    async def changes(self) -> list[tuple[str, str]]:
        """What changed of conversations, by whom, oldest first."""
        events = await self._all(CONVERSATIONS_EVENTS, ConversationChanged)
        return [(event.what, event.by) for event in sorted(events, key=lambda e: e.occurred_at)]

    async def receive(self, *events: MessageReceived) -> None:
        await asyncio.to_thread(self.receive_here, events)

    def receive_here(self, events: tuple[MessageReceived, ...]) -> None:
        self.runner.store_and_claim(self.receiver.store, self.receiver.after_commit)(events)

    async def rows(self, query: str) -> list[sa.Row[Any]]:
        return await self.database.transaction(lambda c: list(c.exec_driver_sql(query)))

    async def execute(self, statement: str) -> None:
        await self.database.transaction(lambda c: c.exec_driver_sql(statement))

    async def eventually(self, query: str, check: Callable[[list[sa.Row[Any]]], bool]) -> None:
        """Waits until the rows satisfy the check."""

        async def is_fulfilled() -> bool:
            return check(await self.rows(query))

        await eventually_async(is_fulfilled, f"the rows of {query}")

    async def wait_for_calls(self, calls: int) -> None:
        await eventually_async(lambda: len(self.model.bodies) >= calls, f"{calls} calls")

    async def wait_until_settled(self) -> None:
        """Waits until no turn is open and every event is out."""
        await self.eventually(OPEN, lambda rows: tuple(rows[0]) == (0, 0))

    async def replies(self) -> list[ReplyReady]:
        """All replies so far, once everything has settled, oldest first."""
        return sorted(await self._all(REPLIES_OUTBOUND, ReplyReady), key=lambda r: r.occurred_at)

    async def outcomes(self) -> list[OutcomeRecorded]:
        return await self._all(MESSAGES_OUTCOME, OutcomeRecorded)

    async def _all(self, topic: Topic, event: type[E]) -> list[E]:
        await self.wait_until_settled()
        return await asyncio.to_thread(read_events, self.kafka, topic, event)


CLIENT, ASSISTANT = a_client(), an_assistant()


@asynccontextmanager
async def running_assistant(
    url: str,
    kafka: KafkaSettings,
    *tenants: TenantConfig,
    assistants: Mapping[str, AssistantConfig] | None = None,
    model: ScriptedModel | None = None,
    media: Media | None = None,
    slots: int = 50,
    pool: int = 4,
    clock: Clock | None = None,
    repeat_seconds: float = REPEAT_SECONDS,
) -> AsyncIterator[RunningAssistant]:
    """With one client and its assistant, unless others are given."""
    life = Lifecycle("assistant")
    model, media = model or ScriptedModel(), media or Media()
    database = Database(url, "assistant", life, threads=pool)
    producer = Producer(kafka, life, deadline_ms=0)
    outbox, owner = Outbox(database, producer, life), Owner(database, TURNS, life)
    known = FixedView({tenant.phone_number_id: tenant for tenant in tenants or (CLIENT,)})
    published = FixedView(
        dict({ASSISTANT.assistant_id: ASSISTANT} if assistants is None else assistants)
    )
    api_keys = TenantSecrets("openai_api_key", None, "test-key")
    limits = WorkLimits(slots, 10.0)
    reports = UsageReports(database, outbox, SystemClock())
    turns = TurnHandler(
        known.get,
        published.get,
        ModelGateway(model, SystemClock(), deadline=5.0),
        media.opener(Transcripts(database).keep),
        api_keys,
        b"key of identifiers",
        Budgets(database, limits.lease),
        read_prices(),
        reports.settled,
        ProgressPublisher(producer, SystemClock(), repeat_seconds),
        clock or SystemClock(),
        lambda: 0.5,
    )
    runner = Runner(TURNS, turns, limits, database=database, outbox=outbox, owner=owner, life=life)
    receiver = MessageReceiver(known.get, outbox.publish)
    applier = CommandApplier(known.get, database, outbox, runner.hint, SystemClock())
    async with keep_running([database, producer, outbox, owner, runner]):
        yield RunningAssistant(
            kafka, database, outbox, receiver, runner, model, known, published, applier, reports
        )
