"""The Faust application around the agent, and the watch that ends the process when it fails."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import faust
import structlog
from aiokafka.errors import BrokerResponseError
from confluent_kafka import KafkaError
from mode import CrashingSupervisor

from common.kafka.kafka_access import report_refusal
from common.kafka.subscription import group_of
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_RAW
from router.agent import RouteAgent
from router.faust_credentials import credentials
from router.group_lag import GroupLag
from router.process import RecordProcessor
from router.stall_watch import STALL_SECONDS, StallWatch

log = structlog.get_logger()
HANG_SECONDS = 60.0  # Faust never leaves a rebalance after a coordinator's error
STOP_SECONDS = 10.0  # half a second is usual; leaving a group needs the broker, which may be down
CHECK_SECONDS = 1.0
ENDING_SECONDS = 60.0  # longer than a process takes to stop
LARGEST_RECORD = (4 << 20) + (64 << 10)


# While the broker is down aiokafka logs a hundred lines a second; its coordinator's warnings count.
LOG_LEVELS = {
    "aiokafka": logging.CRITICAL,
    "aiokafka.consumer.group_coordinator": logging.WARNING,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
}


class App(faust.App):
    """Faust without its data directory: there are no tables, and the disk may be read-only."""

    def _create_directories(self) -> None:
        return


def application(kafka: KafkaSettings, group: str) -> App:
    """Every value here was measured or works around a defect of Faust 0.15 or its client."""
    servers = kafka.kafka_bootstrap_servers.split(",")
    return App(
        kafka.group_name(group),
        broker=";".join(f"kafka://{server.strip()}" for server in servers),
        broker_credentials=credentials(kafka),
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        stream_wait_empty=True,
        stream_buffer_maxsize=4096,
        broker_commit_interval=0.5,
        broker_commit_every=1000,
        broker_session_timeout=6,  # how long a killed worker's partitions wait
        broker_heartbeat_interval=1,
        broker_request_timeout=40,
        broker_rebalance_timeout=90,
        broker_max_poll_interval=1_000_000,  # an idle spare worker must stay able to take over
        broker_max_poll_records=1000,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=LARGEST_RECORD,
        producer_acks=-1,
        producer_linger=0,
        producer_request_timeout=60,
        producer_max_batch_size=131_072,
        producer_max_request_size=LARGEST_RECORD,
    )


class RouterWorker:
    """A Component. Ends the process when the application crashed, when it hangs in its start (its
    first join of the group may have been refused) or in a rebalance, or when it routes nothing
    although records wait."""

    def __init__(
        self,
        kafka: KafkaSettings,
        processor: RecordProcessor,
        life: Lifecycle,
        *,
        hang_seconds: float = HANG_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        build: Callable[[KafkaSettings, str], App] = application,
    ) -> None:
        self._kafka = kafka
        self._processor = processor
        self._life = life
        self._hang_seconds = hang_seconds
        self._stall_seconds = stall_seconds
        self._build = build
        self._app: App | None = None
        self._watch: Periodic | None = None
        self._rebalancing_since: float | None = None

    async def start(self) -> None:
        for name, level in LOG_LEVELS.items():
            logging.getLogger(name).setLevel(level)
        group = group_of(self._life.service, WEBHOOKS_RAW)
        app = self._build(self._kafka, group)
        name = self._kafka.topic_name(WEBHOOKS_RAW.name)
        topic = app.topic(name, key_type=bytes, value_type=bytes)
        agent = RouteAgent(app, self._kafka, self._processor, self._life.crash_points)
        app.agent(topic, name="route", supervisor_strategy=CrashingSupervisor)(agent.consume)
        self._app = app
        self._life.health.expect("router", lambda: app.started and not app.rebalancing)
        # Before the application: its start never ends when the first join of the group is refused.
        lag = GroupLag(self._kafka, group)
        stall_watch = StallWatch(
            lambda: lag.is_behind(member_id(app)), self._life.loop.time, self._stall_seconds
        )
        check = partial(self._check, app, agent, stall_watch)
        self._watch = Periodic(check, CHECK_SECONDS, report_failed_check)
        await self._watch.start()
        await app.start()

    async def stop(self) -> None:
        if self._watch:
            await self._watch.stop()
        if self._app:
            await asyncio.wait_for(self._app.stop(), STOP_SECONDS)

    # ---- the watch ------------------------------------------------------------------------

    async def _check(self, app: App, agent: RouteAgent, stall_watch: StallWatch) -> float | None:
        """Beats while all is well. After a fatal check the process ends before the next one."""
        rebalancing = app.rebalancing or not app.started
        self._note_rebalance(rebalancing)
        self._life.health.beat("router")
        if app.crashed:
            report_crash(app.crash_reason)
            self._life.fatal("router_crashed")
        elif self._rebalance_hangs():
            self._life.fatal("rebalance_hangs")
        elif await stall_watch.is_stalled(agent.acked, is_excused=rebalancing):
            self._life.fatal("router_stalled")
        else:
            return None
        return ENDING_SECONDS

    def _note_rebalance(self, rebalancing: bool) -> None:
        """The start counts: it ends with the first assignment."""
        now = self._life.loop.time()
        self._rebalancing_since = (self._rebalancing_since or now) if rebalancing else None

    def _rebalance_hangs(self) -> bool:
        since = self._rebalancing_since
        return bool(since and self._life.loop.time() - since > self._hang_seconds)


def member_id(app: App) -> str:
    """What the consumer takes for its name in the group; empty outside. Asks nobody."""
    consumer: Any = app.consumer
    return str(consumer._thread._consumer._coordinator.member_id)


def report_crash(reason: BaseException | None) -> None:
    """What the broker refuses is said as by every other client."""
    if isinstance(reason, BrokerResponseError):
        report_refusal(KafkaError(reason.errno), WEBHOOKS_RAW.name)


def report_failed_check(error: Exception) -> None:
    log.error("router_check_failed", exc_info=error)
