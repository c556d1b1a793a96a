"""What facts mean. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from common.openai_models import capabilities_of
from common.topics import Topic
from tenant_admin.installation_checks.finding import Finding, State

CLOCK_WARNING, CLOCK_FAILED = 2.0, 30.0  # seconds; signatures and send times are compared
OLD_OUTBOX = 60.0  # seconds: a sweep publishes what a dead process left after 10
MANY_WAITING = 1000  # records behind in one group
MODEL_WARNING_DAYS = 60


class DatabaseFacts(NamedTuple):
    """is_near: on this machine, or a name of the same network."""

    version: str
    tls: str | None
    is_near: bool
    revision: str | None
    newest: str


def assess_database(facts: DatabaseFacts) -> Iterator[Finding]:
    yield Finding("database", "ok", f"PostgreSQL {facts.version} answers")
    if facts.tls:
        yield Finding("database TLS", "ok", f"in use: {facts.tls}")
    elif facts.is_near:
        yield Finding("database TLS", "ok", "not in use, the server is in the same network")
    else:
        fix = "take sslmode=disable out of DATABASE_URL"
        yield Finding("database TLS", "warning", "not in use, and the server is far", fix)
    if facts.revision is None:
        yield Finding("migrations", "failed", "there are no tables", "run create_tables.py")
    elif facts.revision < facts.newest:
        message = f"at {facts.revision}, this version needs {facts.newest}"
        yield Finding("migrations", "failed", message, "run create_tables.py")
    else:
        yield Finding("migrations", "ok", f"at {facts.revision}")


class OutboxFacts(NamedTuple):
    """oldest: seconds; None where this user may not look. refused: rows that no broker takes."""

    schema: str
    oldest: float | None
    waiting: int = 0
    refused: int = 0


def assess_outbox(facts: OutboxFacts) -> Iterator[Finding]:
    name = f"outbox {facts.schema}"
    if facts.oldest is None:
        reason = "this database user may not look into the schema"
        yield Finding(name, "not run", reason, f"run it with the user {facts.schema}_owner")
    elif facts.oldest > OLD_OUTBOX:
        message = f"{facts.waiting} events wait, the oldest for {facts.oldest:.0f} s"
        fix = "look whether the service of this schema runs and reaches the broker"
        yield Finding(name, "failed", message, fix)
    else:
        yield Finding(name, "ok", f"{facts.waiting} events wait")
    if facts.refused:
        message = f"{facts.refused} events were refused by the broker for good"
        yield Finding(name, "warning", message, "see outbox_refused in OPERATIONS.md")


class SecretFacts(NamedTuple):
    """Of the stored secrets of clients. lacking: keys in use that the ring does not have."""

    stored: int
    opened: int
    lacking: Sequence[str]
    unreadable: Sequence[str]
    can_open: bool


def assess_secrets(facts: SecretFacts) -> Iterator[Finding]:
    fix = "mount the key rings that have it"
    for key in facts.lacking:
        yield Finding("key rings", "failed", f"key {key} seals secrets and is not there", fix)
    for secret in facts.unreadable:
        again = "store it again with `token`"
        yield Finding("key rings", "failed", f"{secret} cannot be opened", again)
    if facts.lacking or facts.unreadable:
        return
    if facts.can_open:
        yield Finding("key rings", "ok", f"all {facts.stored} secrets were opened")
    else:
        message = f"have the keys of all {facts.stored} secrets"
        yield Finding("key rings", "ok", f"{message}; only public halves, nothing was opened")


def assess_clock(other: str, ahead: float, uncertain: float = 0.0) -> Finding:
    """ahead: seconds that this machine's clock is before the other's."""
    off = max(0.0, abs(ahead) - uncertain)
    name = f"clock, {other}"
    if off < CLOCK_WARNING:
        return Finding(name, "ok", f"{off:.1f} s apart")
    message = (
        f"this machine is {off:.0f} s ahead" if ahead > 0 else f"this machine is {off:.0f} s behind"
    )
    state: State = "warning" if off < CLOCK_FAILED else "failed"
    return Finding(name, state, message, "let NTP set both clocks")


def assess_models(clients_of: Mapping[str, Sequence[str]], today: date) -> Iterator[Finding]:
    """clients_of: a model's name to the names of the active clients that it answers."""
    for model, names in sorted(clients_of.items()):
        known = capabilities_of(model)
        who = f"{len(names)} clients"
        if known is None:
            yield Finding("models", "ok", f"{model} ({who}) is not of OpenAI's list")
        elif known.ends is None:
            yield Finding("models", "ok", f"{model} ({who}) has no end")
        else:
            days = (known.ends - today).days
            fix = f"choose another, such as {known.replacement}"
            soon: State = "warning" if days < MODEL_WARNING_DAYS else "ok"
            state: State = "failed" if days <= 0 else soon
            text = f"{model} ({who}) ends on {known.ends.isoformat()}"
            yield Finding("models", state, text, fix if state != "ok" else "")
    if not clients_of:
        yield Finding("models", "ok", "no active client")


def assess_numbers(problems: Mapping[str, Sequence[str]], clients: int) -> Iterator[Finding]:
    """problems: of the clients that have some, as Meta told."""
    for name, found in problems.items():
        text = f"{name}: {', '.join(found)}"
        yield Finding("numbers", "warning", text, "see `health ID` for what Meta told")
    if not problems:
        yield Finding("numbers", "ok", f"Meta told nothing bad of {clients} clients")


class TopicFacts(NamedTuple):
    """settings: the broker's, by name; None where this user may not see them."""

    partitions: int
    settings: Mapping[str, str] | None


def assess_topics(
    expected: Iterable[Topic], found: Mapping[str, TopicFacts | None]
) -> Iterator[Finding]:
    """found: by the name in topics.py; None: not there."""
    topics = list(expected)
    missing = [topic.name for topic in topics if found[topic.name] is None]
    there = [(topic, facts) for topic in topics if (facts := found[topic.name])]
    job = "run python -m ops.create_topics"
    if missing:
        yield Finding("topics", "failed", f"not there: {', '.join(missing)}", job)
    for topic, facts in there:
        for name, value, right in differences(topic, facts):
            text = f"{topic.name}: {name} is {value}, expected {right}"
            yield Finding("topics", "warning", text, "let the broker's administrator set it")
    hidden = [topic for topic, facts in there if facts.settings is None]
    if hidden:
        reason = "this user may not see the topics' settings"
        yield Finding("topics' settings", "not run", reason, f"{job} --acls")
    if not missing:
        partitions = sum(facts.partitions for _, facts in there)
        yield Finding("topics", "ok", f"all {len(topics)} are there, with {partitions} partitions")


def differences(topic: Topic, facts: TopicFacts) -> Iterator[tuple[str, str, str]]:
    """Setting, value, what would be right. How many partitions there are is the operator's choice
    (TOPIC_PARTITIONS)."""
    settings = facts.settings
    if settings is None:
        return
    policy = "compact" if topic.compacted else "delete"
    if policy not in settings.get("cleanup.policy", policy):
        yield "cleanup.policy", settings["cleanup.policy"], policy
    largest = int(settings.get("max.message.bytes", topic.max_message_bytes))
    if largest < topic.max_message_bytes:
        yield "max.message.bytes", str(largest), str(topic.max_message_bytes)
    kept = int(settings.get("retention.ms", topic.retention_ms))
    if not topic.compacted and 0 <= kept < topic.retention_ms:
        yield "retention.ms", str(kept), str(topic.retention_ms)


def assess_broker(
    protocol: str, user: str | None, is_near: bool, brokers: int
) -> Iterator[Finding]:
    yield Finding("broker", "ok", f"{brokers} brokers answer")
    text = f"{protocol}, user {user}" if user else protocol
    name = "broker security"
    if protocol == "PLAINTEXT":
        fix = "set KAFKA_SECURITY_PROTOCOL, see OPERATIONS.md"
        yield Finding(name, "warning", "none: whoever reaches the port may do everything", fix)
    elif not protocol.endswith("SSL") and not is_near:
        yield Finding(name, "warning", f"{text}: not encrypted, and the broker is far", "use TLS")
    else:
        yield Finding(name, "ok", text)


def assess_lag(lags: Mapping[str, int | None]) -> Iterator[Finding]:
    """lags: by group, in records; None: the group has never read."""
    for group, lag in lags.items():
        if lag is None:
            fix = "start that service"
            yield Finding("consumer groups", "warning", f"{group} has never read", fix)
        elif lag > MANY_WAITING:
            fix = "look whether that service runs, is ready and has enough replicas"
            yield Finding("consumer groups", "warning", f"{group} is {lag} records behind", fix)
    behind = sum(lag or 0 for lag in lags.values())
    if all(lag is not None and lag <= MANY_WAITING for lag in lags.values()):
        yield Finding("consumer groups", "ok", f"{len(lags)} groups, {behind} records behind")


def assess_set_aside(counts: Mapping[str, int]) -> Iterator[Finding]:
    """counts: new records of the last 24 h, of the quarantine and of dead letters, by topic."""
    for topic, count in counts.items():
        if count:
            text = f"{topic}: {count} records in 24 h"
            yield Finding("set aside", "warning", text, f"see `replay.py list {topic} --since 24h`")
    if not any(counts.values()):
        yield Finding("set aside", "ok", "nothing in 24 h, neither quarantine nor dead letters")


def assess_service(address: str, live: int, ready: int, failing: Sequence[str]) -> Finding:
    """live, ready: HTTP status codes."""
    name = f"service {address}"
    if live != 200:
        return Finding(name, "failed", f"its loops stand still (/live {live})", "restart it")
    if ready != 200:
        text = f"not ready: {', '.join(failing)}"
        return Finding(name, "failed", text, "see readiness checks in OPERATIONS.md")
    return Finding(name, "ok", "live and ready")


def assess_webhook(url: str, status: int) -> Finding:
    """The ingress refuses a question without its token by 403."""
    if status in (400, 403):
        return Finding("webhook", "ok", f"{url} reaches the ingress (HTTP {status})")
    fix = "let the proxy in front hand /webhook to the ingress"
    return Finding("webhook", "failed", f"{url} answers HTTP {status}, expected 403", fix)
