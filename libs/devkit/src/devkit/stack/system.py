"""The whole system on this machine: broker, database, topics, schemas, the services, emulators.

`async with System.start(plan) as system` in the main thread; leaving the block ends everything.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import TextIO
from urllib.parse import urlsplit

from pydantic import SecretStr

from common.service.settings import KafkaSettings
from common.topics import every_topic
from devkit.loadtest.installation import Installation
from devkit.stack import Announce
from devkit.stack.broker_security import BrokerSecurity, BrokerTls
from devkit.stack.child import Child
from devkit.stack.environment import kept, ring_files, secrets_of, theirs, value_of
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from devkit.stack.processes import Supervisor
from devkit.stack.real_model import host_of
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside, inherited
from ops.create_kafka_users import create_users
from ops.create_topics import create, grant
from ops.kafka_rights import OPERATOR, USERS

DATABASE = "conserje"
SCHEMAS = {"tenant-admin": "admin", "assistant": "assistant", "sender": "sender"}
SERVICES = ("tenant-admin", "router", "assistant", "sender", "ingress")
READY_SECONDS = 240.0  # 3 when idle; a machine at twenty times its load gets there too


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. `emulated`: with Meta's and OpenAI's stand-ins where no real one is given.

    extra: more environment for single services, by name.
    """

    home: Path
    outside: Outside
    ingress_port: int
    admin_port: int
    chat_port: int = 0
    emulated: bool = True
    partitions: int | None = None
    kafka_tls: BrokerTls | None = None
    style: str = "console"
    level: str = "info"
    extra: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class System:
    """What runs, and where it is reached."""

    plan: Plan
    children: Supervisor
    secrets: dict[str, str]
    rings: Mapping[str, Path]
    kafka: LocalKafka | None
    postgres: LocalPostgres | None
    kafka_admin: KafkaSettings
    health: dict[str, int]
    graph_url: str
    openai_url: str

    @property
    def broker(self) -> str:
        return self.kafka.version if self.kafka else "external"

    @property
    def database(self) -> str:
        return self.postgres.version if self.postgres else "external"

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.plan.ingress_port}/webhook"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.plan.admin_port}"

    @property
    def chat_url(self) -> str:
        return f"http://127.0.0.1:{self.plan.chat_port}"

    @property
    def real_model(self) -> str | None:
        """The host of the model server that answers; None: the stand-in."""
        given = self.plan.outside.openai_base_url
        return host_of(given) if given else None

    @property
    def installation(self) -> Installation:
        return Installation(
            webhook_url=self.webhook_url,
            admin_url=self.admin_url,
            chat_url=self.chat_url,
            openai_base_url=self.openai_url,
            **self.kafka_user(OPERATOR).model_dump(),
            whatsapp_app_secrets=SecretStr(self.secrets["WHATSAPP_APP_SECRETS"]),
            whatsapp_access_token=SecretStr(self.secrets["WHATSAPP_ACCESS_TOKEN"]),
            admin_api_key=SecretStr(self.secrets["ADMIN_API_KEY"]),
        )

    def kafka_user(self, user: str) -> KafkaSettings:
        """A user of its own per service on our Kafka; the given one on another's."""
        if self.kafka is None or self.kafka.security is None:
            return self.kafka_admin
        return self.kafka.security.user(self.kafka.bootstrap, user, self.kafka_passwords[user])

    @property
    def kafka_passwords(self) -> dict[str, str]:
        return {user: password_in(self.plan.home, f"kafka-{user}") for user in USERS}

    def database_url(self, service: str) -> str:
        """A user of its own per service on our PostgreSQL; the given one on another's."""
        if self.postgres is None:
            return value_of(self.plan.outside.database_url) or ""
        return self.postgres.url(DATABASE, SCHEMAS[service])

    def migration_url(self, service: str) -> str:
        """As the owner of the service's schema."""
        if self.postgres is None:
            return self.database_url(service)
        return self.postgres.url(DATABASE, f"{SCHEMAS[service]}_owner")

    def environment(self, service: str) -> dict[str, str]:
        """All that a service is started with: its own secrets, not those of another."""
        outside = self.plan.outside
        settings = {
            "WHATSAPP_GRAPH_URL": self.graph_url,
            "OPENAI_BASE_URL": self.openai_url,
            "INGRESS_PORT": str(self.plan.ingress_port),
            "ADMIN_PORT": str(self.plan.admin_port),
            "ALLOW_WEAK_SECRETS": "all" if self.plan.emulated else outside.allow_weak_secrets,
            "ALLOW_HTTP_UPSTREAMS": outside.allow_http_upstreams,
            "HEALTH_PORT": str(self.health.get(service, 0)),
            "LOG_FORMAT": self.plan.style,
            "LOG_LEVEL": self.plan.level,
        }
        if service in self.rings:
            settings["KEY_RING_FILE"] = str(self.rings[service])
        if service in SCHEMAS:
            settings |= self._database_settings(service)
        if service == "tenant-admin":  # where the operator's commands run
            settings |= operator_environment(self.kafka_user(OPERATOR))
        kafka = self.kafka_user(service).kafka_environment()
        more = self.plan.extra.get(service, {})
        return {**inherited(), **theirs(service, self.secrets), **kafka, **settings, **more}

    def _database_settings(self, service: str) -> dict[str, str]:
        outside = self.plan.outside
        return {
            "DATABASE_URL": self.database_url(service),
            "DATABASE_CA_FILE": outside.database_ca_file,
            "DATABASE_DIRECT_HOST": outside.database_direct_host,
            "DATABASE_POOL_MODE": outside.database_pool_mode,
        }

    async def prepare(self) -> None:
        """Topics, users with their rights, and schemas; the migrations run side by side."""
        create(self.kafka_admin, every_topic(), partitions=self.plan.partitions)
        if self.kafka and self.kafka.security:
            create_users(self.kafka_admin, self.kafka_passwords)
            grant(self.kafka_admin)
        async with asyncio.TaskGroup() as group:
            for service in SCHEMAS:
                group.create_task(self._migrate(service))

    async def _migrate(self, service: str) -> None:
        name = f"migrate {service}"
        module = f"{service.replace('-', '_')}.migrate"
        argv = [sys.executable, "-m", module]
        database = self._database_settings(service) | {"DATABASE_URL": self.migration_url(service)}
        await self.children.start(Child(name, argv, {**inherited(), **database}, restart=False))
        if code := await self.children.wait(name):
            raise CannotStart(f"{name} failed with exit code {code}")

    async def run_services(self) -> None:
        """Starts all five at once and returns when all are ready: any order must do."""
        for service in SERVICES:
            await self.start_service(service)
        async with asyncio.TaskGroup() as group:
            for service in SERVICES:
                group.create_task(self.wait_ready(service))

    async def start_service(self, service: str) -> None:
        module = f"{service.replace('-', '_')}.main"
        argv = [sys.executable, "-m", module]
        await self.children.start(Child(service, argv, self.environment(service)))

    async def wait_ready(self, service: str) -> None:
        url = f"http://127.0.0.1:{self.health[service]}/ready"
        await self.children.wait_ready(service, url, READY_SECONDS)

    async def run_emulators(self) -> None:
        """Those that stand in for what is not configured."""
        if self.plan.emulated and self.real_model is None:
            model = urlsplit(self.openai_url)
            extra = {
                "OPENAI_EMULATOR_PORT": str(model.port),
                "MODEL_DELAY_MS": str(self.plan.outside.model_delay_ms),
            }
            url = f"http://{model.netloc}"
            await self._emulator("openai", "devkit.emulators.openai", extra, url)
        if self.plan.emulated and self.plan.outside.whatsapp_graph_url is None:
            extra = {
                "WHATSAPP_EMULATOR_PORT": str(self.plan.chat_port),
                "WEBHOOK_URL": self.webhook_url,
                "REAL_MODEL": self.plan.outside.openai_base_url or "",
                "MODEL_CONTROL_URL": f"http://{urlsplit(self.openai_url).netloc}/control",
            }
            await self._emulator("whatsapp", "devkit.emulators.whatsapp", extra, self.chat_url)

    async def _emulator(self, name: str, module: str, extra: dict[str, str], url: str) -> None:
        argv = [sys.executable, "-m", module]
        more = self.plan.extra.get(name, {})
        environment = {**inherited(), **theirs(name, self.secrets), **extra, **more}
        await self.children.start(Child(name, argv, environment))
        await self.children.wait_ready(name, f"{url}/health", READY_SECONDS)


@asynccontextmanager
async def running(
    plan: Plan, announce: Announce = print, out: TextIO = sys.stdout
) -> AsyncIterator[System]:
    """Everything up and ready; `out` gets what the children say. Raises CannotStart, naming what
    failed."""
    async with Supervisor(out, colour=None if plan.style == "console" else False) as children:
        kafka, postgres = None, None
        try:
            kafka, kafka_admin = start_kafka(plan, announce)
            postgres = start_postgres(plan, announce)
            system = assemble(plan, children, kafka, postgres, kafka_admin)
            announce("Topics and tables")
            await system.prepare()
            announce("Services")
            async with asyncio.TaskGroup() as group:
                group.create_task(system.run_services())
                group.create_task(system.run_emulators())
            yield system
        finally:
            await children.stop()
            if kafka:
                kafka.stop()
            if postgres:
                postgres.stop()


def start_kafka(plan: Plan, announce: Announce) -> tuple[LocalKafka | None, KafkaSettings]:
    """With the settings of who may make topics in it."""
    if given := plan.outside.kafka_bootstrap_servers:
        announce(f"Kafka: using {given} (KAFKA_BOOTSTRAP_SERVERS)")
        return None, plan.outside
    security = BrokerSecurity(password_in(plan.home, "kafka-admin"), plan.kafka_tls)
    home = plan.home / "kafka"
    kafka = LocalKafka.start(home, *free_ports(2), announce=announce, security=security)
    return kafka, kafka.settings


def password_in(home: Path, name: str) -> str:
    """Made up once per home."""
    return kept(home / name, lambda: token_urlsafe(24))


def operator_environment(operator: KafkaSettings) -> dict[str, str]:
    """For the commands that look at topics."""
    given = operator.kafka_environment()
    names = ("KAFKA_USERNAME", "KAFKA_PASSWORD")
    return {f"OPERATOR_{name}": given[name] for name in names if name in given}


def start_postgres(plan: Plan, announce: Announce) -> LocalPostgres | None:
    if plan.outside.database_url:
        announce(
            "PostgreSQL: using the one of DATABASE_URL. All services are the same user there, so"
            " each could read what is another's; Compose and Kubernetes give each its own user"
        )
        return None
    postgres = LocalPostgres.start(plan.home / "postgres", free_ports(1)[0], announce=announce)
    postgres.create_database(DATABASE)
    postgres.create_roles(DATABASE, SCHEMAS.values())
    return postgres


def assemble(
    plan: Plan,
    children: Supervisor,
    kafka: LocalKafka | None,
    postgres: LocalPostgres | None,
    kafka_admin: KafkaSettings,
) -> System:
    openai_port = free_ports(1)[0]
    graph = f"http://127.0.0.1:{plan.chat_port}/v26.0" if plan.emulated else ""
    openai = f"http://127.0.0.1:{openai_port}/v1" if plan.emulated else ""
    return System(
        plan=plan,
        children=children,
        secrets=secrets_of(plan.outside, plan.home),
        rings=ring_files(plan.outside, plan.home),
        kafka=kafka,
        postgres=postgres,
        kafka_admin=kafka_admin,
        health=dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True)),
        graph_url=plan.outside.whatsapp_graph_url or graph,
        openai_url=plan.outside.openai_base_url or openai,
    )
