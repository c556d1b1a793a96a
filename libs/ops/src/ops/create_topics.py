"""Creates what topics.py maps and is not there yet: `python -m ops.create_topics`.

`--acls` also grants each service its rights; `--print` changes nothing and prints topics and rights
as JSON, for a broker whose topics are made otherwise (Terraform).

Services never create topics; a missing one keeps them waiting, not ready, with a clear message.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from time import monotonic, sleep
from typing import Any, Protocol

import orjson
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from common.kafka.kafka_access import client_config, remedy_of
from common.service.settings import KafkaSettings, load
from common.topics import DAY_MS, MESSAGE_PARTITIONS, Topic, every_topic
from ops.kafka_rights import bindings, described, every_right

DEADLINE = 30.0
POLL = 0.05
PRINCIPAL = "User:{user}"
# The library's types leave out the None that stands for any name, principal or host.
ALL_ACLS = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]
    None,  # type: ignore[arg-type]
    AclOperation.ANY,
    AclPermissionType.ANY,
)
BROKERS_OWN = -1  # replicas: as many as the broker makes by default
# Managed brokers may refuse to let them be set (MSK Serverless does); we can do without.
DISPENSABLE = frozenset({"min.insync.replicas", "min.cleanable.dirty.ratio", "segment.ms"})
NOT_OURS_TO_GRANT = frozenset(
    {KafkaError.SECURITY_DISABLED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
)
REFUSED_SETTING = frozenset({KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION})


class TopicSettings(KafkaSettings):
    """topic_replicas: 3 on a real cluster; min.insync.replicas follows (one less, at least 1).
    -1: as many as the broker makes by default.

    kafka_principal: what the broker calls a service's user.
    """

    topic_replicas: int = 1
    topic_partitions: int | None = None
    kafka_principal: str = PRINCIPAL


class TopicAdmin(Protocol):
    """What confluent_kafka's AdminClient does."""

    def list_topics(self, *, timeout: float) -> ClusterMetadata: ...

    def create_topics(
        self, new_topics: list[NewTopic], **kwargs: Any
    ) -> dict[str, Future[None]]: ...


def create(
    kafka: KafkaSettings, topics: Iterable[Topic], replicas: int = 1, partitions: int | None = None
) -> list[str]:
    """Names of the topics it created. Raises KafkaException when the broker refuses one."""
    return create_with(AdminClient(client_config(kafka)), kafka, topics, replicas, partitions)


def create_with(
    admin: TopicAdmin,
    kafka: KafkaSettings,
    topics: Iterable[Topic],
    replicas: int = 1,
    partitions: int | None = None,
) -> list[str]:
    """The same. Who may not create topics needs not, where all are there. A topic that is refused
    for its settings is asked for without those we can do without."""
    there = admin.list_topics(timeout=DEADLINE).topics
    missing = {
        name: (topic, config_of(topic, replicas))
        for topic in topics
        if (name := kafka.topic_name(topic.name)) not in there
    }
    created: list[str] = []
    for name, result in results_of(admin, kafka, missing, replicas, partitions).items():
        topic, config = missing[name]
        try:
            is_new = wait_until_created(result)
        except KafkaException as error:
            if error.args[0].code() not in REFUSED_SETTING:
                raise
            is_new = create_plain(admin, kafka, topic, config, replicas, partitions)
        created += [name] if is_new else []
    return created


def create_plain(
    admin: TopicAdmin,
    kafka: KafkaSettings,
    topic: Topic,
    config: Mapping[str, str],
    replicas: int,
    partitions: int | None,
) -> bool:
    kept = {name: value for name, value in config.items() if name not in DISPENSABLE}
    name = kafka.topic_name(topic.name)
    left_out = ", ".join(sorted(config.keys() - kept.keys()))
    sys.stdout.write(f"{name}: the broker does not let {left_out} be set; created without\n")
    missing = {name: (topic, kept)}
    return wait_until_created(results_of(admin, kafka, missing, replicas, partitions)[name])


def results_of(
    admin: TopicAdmin,
    kafka: KafkaSettings,
    missing: Mapping[str, tuple[Topic, Mapping[str, str]]],
    replicas: int,
    partitions: int | None,
) -> dict[str, Future[None]]:
    new = [
        NewTopic(
            name,
            num_partitions=partitions_of(topic, partitions),
            replication_factor=replicas,
            config=dict(config),
        )
        for name, (topic, config) in missing.items()
    ]
    if not new:
        return {}
    return admin.create_topics(new, operation_timeout=DEADLINE, request_timeout=DEADLINE)


def partitions_of(topic: Topic, partitions: int | None) -> int:
    """`partitions` overrides the count of message topics; others keep theirs."""
    return partitions if partitions and topic.partitions == MESSAGE_PARTITIONS else topic.partitions


def config_of(topic: Topic, replicas: int) -> dict[str, str]:
    config = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "max.message.bytes": str(topic.max_message_bytes),
    }
    if replicas != BROKERS_OWN:
        config["min.insync.replicas"] = str(max(1, replicas - 1))
    if topic.compacted:
        return config | {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "3600000"}
    config["retention.ms"] = str(topic.retention_ms)
    if topic.retention_ms < DAY_MS:  # a segment is kept until its last record is too old
        config["segment.ms"] = str(topic.retention_ms)
    return config


def wait_until_created(result: Future[None]) -> bool:
    """False for a topic that was there already."""
    try:
        result.result(DEADLINE)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True


def grant(kafka: KafkaSettings, principal: str = PRINCIPAL) -> list[AclBinding]:
    """Gives every service its rights; those it has stay. Returns once the broker acts on them: it
    learns of them after the controller. Raises KafkaException.
    """
    granted = bindings(every_right(kafka), principal)
    admin = AdminClient(client_config(kafka))
    for result in admin.create_acls(granted, request_timeout=DEADLINE).values():
        result.result(DEADLINE)
    until = monotonic() + DEADLINE
    while not set(granted) <= set(admin.describe_acls(ALL_ACLS).result(DEADLINE)):
        if monotonic() > until:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        sleep(POLL)
    return granted


def printed(settings: TopicSettings) -> dict[str, Any]:
    """Topics and rights as the Terraform provider Mongey/kafka names them."""
    topics = [
        {
            "name": settings.topic_name(topic.name),
            "partitions": partitions_of(topic, settings.topic_partitions),
            "replication_factor": settings.topic_replicas,
            "config": config_of(topic, settings.topic_replicas),
        }
        for topic in every_topic()
    ]
    acls = [described(right, settings.kafka_principal) for right in every_right(settings)]
    return {"topics": topics, "acls": acls}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m ops.create_topics", description=__doc__)
    parser.add_argument("--acls", action="store_true", help="grant each service its rights too")
    parser.add_argument("--print", action="store_true", help="print JSON, change nothing")
    chosen = parser.parse_args(arguments)
    settings = load(TopicSettings)
    if chosen.print:
        sys.stdout.write(
            orjson.dumps(printed(settings), option=orjson.OPT_INDENT_2).decode() + "\n"
        )
        return
    try:
        create_all(settings, with_rights=chosen.acls)
    except KafkaException as error:
        raise SystemExit(refusal_line(error.args[0])) from None


def create_all(settings: TopicSettings, *, with_rights: bool) -> None:
    names = create(settings, every_topic(), settings.topic_replicas, settings.topic_partitions)
    sys.stdout.write(f"topics created: {', '.join(names) or 'none, all were there'}\n")
    if with_rights:
        sys.stdout.write(f"{grant_or_say_why_not(settings)}\n")


def grant_or_say_why_not(settings: TopicSettings) -> str:
    """A broker without ACLs, or whose ACLs are made by others, is no reason not to start. Raises
    KafkaException for the rest."""
    try:
        return f"rights of the services: {len(grant(settings, settings.kafka_principal))}"
    except KafkaException as error:
        if error.args[0].code() not in NOT_OURS_TO_GRANT:
            raise
        return f"no rights were granted: {error.args[0].str()}; --print shows those needed"


def refusal_line(error: KafkaError) -> str:
    remedy = remedy_of(error)
    return f"kafka: {error.name()}: {error.str()}" + (
        f"; {remedy[0]}: {remedy[1]}" if remedy else ""
    )


if __name__ == "__main__":
    main()
