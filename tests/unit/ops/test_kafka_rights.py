"""The rights that topics.py gives each service, and how they and the topics are asked for."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from common.kafka.subscription import group_of
from common.topics import ALL, REPLIES_OUTBOUND, TENANTS_CONFIG, WEBHOOKS_RAW, every_topic
from devkit.stack.broker_security import GivenKafkaSettings
from ops.create_topics import DISPENSABLE, create_with
from ops.kafka_rights import SERVICES, KafkaRight, bindings, every_right, rights

KAFKA = GivenKafkaSettings(kafka_bootstrap_servers="not reached", kafka_topic_prefix="s.")


def test_a_service_writes_and_reads_what_the_map_says() -> None:
    for topic in every_topic():
        name = KAFKA.topic_name(topic.name)
        for service in SERVICES:
            granted = {each.operation for each in rights(KAFKA, service) if each.name == name}
            wanted = {"write"} if service in topic.producers else set()
            assert granted == wanted | ({"read"} if service in topic.consumers else set())


def test_every_group_that_a_service_joins_is_its_own() -> None:
    for topic in (topic for topic in ALL if not topic.compacted):
        for service in topic.consumers:
            own = KafkaRight(service, "group", f"{service}.", "read", is_prefix=True)
            assert own in list(rights(KAFKA, service))
            assert group_of(service, topic).startswith(own.name)
    assert not [right for right in rights(KAFKA, "ingress") if right.operation == "read"]


def test_the_operator_reads_all_and_writes_only_what_can_be_replayed() -> None:
    granted = list(rights(KAFKA, "operator"))
    read = {right.name for right in granted if right.operation == "read"}
    written = {right.name for right in granted if right.operation == "write"}
    assert read == {KAFKA.topic_name(topic.name) for topic in every_topic()}
    assert written == {KAFKA.topic_name(topic.name) for topic in ALL if topic.dlq}
    assert KAFKA.topic_name(TENANTS_CONFIG.name) not in written
    described = {right.name for right in granted if right.operation == "describe"}
    assert {f"{service}." for service in SERVICES} <= described, "how far they are behind"
    seen = {right.name for right in granted if right.operation == "describe_configs"}
    assert seen == read


def test_no_right_is_given_twice_and_each_becomes_a_binding() -> None:
    granted = every_right(KAFKA)
    assert max(Counter(granted).values()) == 1
    made = bindings(granted, "User:CN={user},O=shop")
    assert len(set(made)) == len(granted)
    assert {each.principal for each in made} >= {"User:CN=ingress,O=shop"}


class FakeAdmin:
    """A managed broker: refuses topics with settings of `refused`; has those of `there`."""

    def __init__(self, refused: frozenset[str] = frozenset(), there: tuple[str, ...] = ()) -> None:
        self._refused = refused
        self._there = there
        self.asked: list[NewTopic] = []

    def list_topics(self, *, timeout: float) -> ClusterMetadata:
        return cast(ClusterMetadata, SimpleNamespace(topics=dict.fromkeys(self._there)))

    def create_topics(self, new_topics: list[NewTopic], **_: Any) -> dict[str, Future[None]]:
        self.asked += new_topics
        return {topic.topic: self._answer(topic) for topic in new_topics}

    def _answer(self, topic: NewTopic) -> Future[None]:
        answer: Future[None] = Future()
        if self._refused & (topic.config or {}).keys():
            answer.set_exception(KafkaException(KafkaError(KafkaError.POLICY_VIOLATION)))
        else:
            answer.set_result(None)
        return answer


def test_settings_that_a_managed_broker_refuses_are_left_out_with_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    admin = FakeAdmin(DISPENSABLE)
    assert create_with(admin, KAFKA, [REPLIES_OUTBOUND]) == ["s.replies.outbound"]
    config = admin.asked[-1].config
    assert config is not None
    assert not DISPENSABLE & config.keys()
    assert config["retention.ms"]
    assert "min.insync.replicas" in capsys.readouterr().out


def test_what_cannot_be_done_without_is_an_error() -> None:
    with pytest.raises(KafkaException):
        create_with(FakeAdmin(frozenset({"max.message.bytes"})), KAFKA, [WEBHOOKS_RAW])


def test_topics_that_are_there_are_not_asked_for() -> None:
    admin = FakeAdmin(there=tuple(KAFKA.topic_name(topic.name) for topic in every_topic()))
    assert create_with(admin, KAFKA, every_topic()) == []
    assert admin.asked == []


def test_a_broker_may_choose_the_replicas_itself() -> None:
    admin = FakeAdmin()
    create_with(admin, KAFKA, [REPLIES_OUTBOUND], replicas=-1)
    [topic] = admin.asked
    assert topic.replication_factor == -1
    assert "min.insync.replicas" not in (topic.config or {})


def test_the_list_for_terraform_needs_no_broker() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops.create_topics", "--print"],
        env={"KAFKA_BOOTSTRAP_SERVERS": "not reached", "TOPIC_REPLICAS": "3"},
        capture_output=True,
        check=True,
    )
    printed = orjson.loads(done.stdout)
    assert {topic["name"] for topic in printed["topics"]} == {one.name for one in every_topic()}
    assert {topic["replication_factor"] for topic in printed["topics"]} == {3}
    assert len(printed["acls"]) == len(every_right(KAFKA))
    granted = {acl["acl_operation"] for acl in printed["acls"]}
    assert granted == {"Read", "Write", "Describe", "DescribeConfigs", "IdempotentWrite"}
