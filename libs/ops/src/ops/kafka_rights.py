"""What each service may do at the broker, from topics.py: its own topics and groups, nothing else.

Reading and writing a topic, or reading with a group, let a user describe it too.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType
from confluent_kafka.admin._resource import ResourceType as Resource

from common.kafka.reader import READERS_GROUP
from common.service.settings import KafkaSettings
from common.topics import ALL, Topic, every_topic

SERVICES = ("ingress", "router", "assistant", "sender", "tenant-admin")
OPERATOR = "operator"
USERS = (*SERVICES, OPERATOR)
CLUSTER = "kafka-cluster"  # the one name that a cluster has among resources
Kind = Literal["topic", "group", "cluster"]
Operation = Literal["read", "write", "describe", "describe_configs", "idempotent_write"]


class KafkaRight(NamedTuple):
    """`user`: one of USERS. `is_prefix`: of everything whose name begins so."""

    user: str
    kind: Kind
    name: str
    operation: Operation
    is_prefix: bool = False


def may_write(user: str, topic: Topic) -> bool:
    """The operator replays: raw webhooks, and dead letters to where they came from."""
    return user in topic.producers or (user == OPERATOR and topic.dlq)


def may_read(user: str, topic: Topic) -> bool:
    return user in topic.consumers or user == OPERATOR


def rights(kafka: KafkaSettings, user: str) -> Iterator[KafkaRight]:
    """By the names that things have at the broker."""
    for topic in every_topic():
        name = kafka.topic_name(topic.name)
        if may_read(user, topic):
            yield KafkaRight(user, "topic", name, "read")
        if may_write(user, topic):
            yield KafkaRight(user, "topic", name, "write")
        if user == OPERATOR:
            yield KafkaRight(user, "topic", name, "describe_configs")
    if user == OPERATOR:  # `doctor` tells how far the groups of the services are behind
        for service in SERVICES:
            group = kafka.group_name(f"{service}.")
            yield KafkaRight(user, "group", group, "describe", is_prefix=True)
    if any(user in topic.consumers and not topic.compacted for topic in ALL):
        # Faust's group too: it has no other, and no topics of its own.
        yield KafkaRight(user, "group", kafka.group_name(f"{user}."), "read", is_prefix=True)
    # Readers without a group name one all the same, and librdkafka looks for its coordinator.
    yield KafkaRight(user, "group", kafka.group_name(READERS_GROUP), "describe")
    # Brokers before 3.0 want this of an idempotent producer; later ones take the right to write.
    yield KafkaRight(user, "cluster", CLUSTER, "idempotent_write")


def every_right(kafka: KafkaSettings) -> list[KafkaRight]:
    return [right for user in USERS for right in rights(kafka, user)]


KINDS = {"topic": Resource.TOPIC, "group": Resource.GROUP, "cluster": Resource.BROKER}
OPERATIONS = {
    "read": AclOperation.READ,
    "write": AclOperation.WRITE,
    "describe": AclOperation.DESCRIBE,
    "describe_configs": AclOperation.DESCRIBE_CONFIGS,
    "idempotent_write": AclOperation.IDEMPOTENT_WRITE,
}


def bindings(granted: Iterable[KafkaRight], principal: str) -> list[AclBinding]:
    """`principal`: what the broker calls a user, with {user} for its name."""
    return [
        AclBinding(
            KINDS[right.kind],
            right.name,
            ResourcePatternType.PREFIXED if right.is_prefix else ResourcePatternType.LITERAL,
            principal.format(user=right.user),
            "*",
            OPERATIONS[right.operation],
            AclPermissionType.ALLOW,
        )
        for right in granted
    ]


def described(right: KafkaRight, principal: str) -> dict[str, str]:
    """As the Terraform provider Mongey/kafka calls it in `kafka_acl`."""
    return {
        "acl_principal": principal.format(user=right.user),
        "acl_host": "*",
        "acl_operation": "".join(word.title() for word in right.operation.split("_")),
        "acl_permission_type": "Allow",
        "resource_type": right.kind.title(),
        "resource_name": right.name,
        "resource_pattern_type_filter": "Prefixed" if right.is_prefix else "Literal",
    }
