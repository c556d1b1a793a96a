"""Users, passwords, rights and TLS on a real broker: each service can do its own and nothing else.

security.md H2.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka._model import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient
from tests.support.certificates import broker_tls
from tests.support.processes import ServiceProcess, running_service
from tests.support.records import produce, read_records
from tests.support.waiting import Deadline, eventually, eventually_async, eventually_in_thread

from common.kafka.kafka_access import client_config
from common.kafka.producer import producer_config
from common.kafka.reader import TopicReader, TopicUnavailable, reader_config
from common.kafka.subscription import Subscription, group_of
from common.service.settings import KafkaSettings
from common.topics import (
    MESSAGES_OUTCOME,
    REPLIES_OUTBOUND,
    TENANTS_CONFIG,
    WEBHOOKS_RAW,
    Topic,
    every_topic,
)
from devkit.stack.broker_security import BrokerSecurity, BrokerTls, GivenKafkaSettings
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_kafka_users import create_users
from ops.create_topics import create, grant
from ops.kafka_rights import USERS, may_read, may_write
from router.group_lag import GroupLag

pytestmark = pytest.mark.integration
SECONDS = 60.0
PREFIX = "staging."
AUTHORIZATION = KafkaError.TOPIC_AUTHORIZATION_FAILED


class SecuredBroker:
    """With every topic, user and right; a password is the user's name with `-pass`."""

    def __init__(self, kafka: LocalKafka) -> None:
        self.kafka = kafka
        self.admin = kafka.settings
        create(self.admin, every_topic(), partitions=1)
        create_users(self.admin, {user: f"{user}-pass" for user in USERS})
        grant(self.admin)

    def user(self, name: str, password: str | None = None) -> KafkaSettings:
        assert self.kafka.security
        given = password or f"{name}-pass"
        return self.kafka.security.user(self.kafka.bootstrap, name, given)


@contextlib.contextmanager
def secured(home: Path, tls: BrokerTls | None) -> Iterator[SecuredBroker]:
    port, controller = free_ports(2)
    security = BrokerSecurity("admin-pass", tls)
    kafka = LocalKafka.start(home / f"kafka-{port}", port, controller, security=security)
    try:
        yield SecuredBroker(kafka)
    finally:
        kafka.stop()


@pytest.fixture(scope="module")
def broker(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """SASL_SSL, the transport that other people's brokers have."""
    with secured(home, broker_tls(tmp_path_factory.mktemp("tls"))) as running:
        yield running


# ---- rights --------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
def test_a_service_can_write_its_own_topics_and_no_other(broker: SecuredBroker, user: str) -> None:
    results = written_by(broker.user(user), every_topic())
    may = {topic.name: may_write(user, topic) for topic in every_topic()}
    assert {name: error is None for name, error in results.items()} == may
    assert {error.code() for error in results.values() if error} <= {AUTHORIZATION}


@pytest.mark.parametrize("user", USERS)
def test_a_service_can_read_its_own_topics_and_no_other(broker: SecuredBroker, user: str) -> None:
    may = {topic.name: may_read(user, topic) for topic in every_topic()}
    assert read_by(broker.user(user), every_topic()) == may


@pytest.mark.parametrize("user", USERS)
def test_a_service_can_join_its_own_groups_and_no_other(broker: SecuredBroker, user: str) -> None:
    topic = REPLIES_OUTBOUND
    foreign = "sender" if user != "sender" else "assistant"
    # The operator may look how far a group is behind, and no more.
    refusal = refusal_of_commit if user == "operator" else refusal_of_group
    assert refusal(broker.user(user), group_of(foreign, topic)) == (
        KafkaError.GROUP_AUTHORIZATION_FAILED
    )
    if any(user in topic.consumers for topic in every_topic()) and user != "operator":
        assert refusal_of_group(broker.user(user), group_of(user, topic)) is None


def test_the_user_of_the_ingress_cannot_write_replies(broker: SecuredBroker) -> None:
    results = written_by(broker.user("ingress"), [REPLIES_OUTBOUND, WEBHOOKS_RAW])
    error = results[REPLIES_OUTBOUND.name]
    assert error is not None
    assert error.code() == AUTHORIZATION
    assert results[WEBHOOKS_RAW.name] is None


@pytest.mark.parametrize("user", USERS)
def test_a_service_cannot_change_topics_users_or_rights(broker: SecuredBroker, user: str) -> None:
    mine = broker.user(user)
    for attempt in (
        lambda: grant(mine),
        lambda: create_users(mine, {user: "another-pass"}),
        lambda: create(mine, [Topic("made.by.a.service", "key", (user,), ())]),
        lambda: deleted(mine, MESSAGES_OUTCOME),
    ):
        with pytest.raises(KafkaException) as refused:
            attempt()
        assert "AUTHORIZATION_FAILED" in refused.value.args[0].name()


def test_an_unsigned_record_of_a_stranger_is_refused_by_the_broker(broker: SecuredBroker) -> None:
    before = len(read_records(broker.admin, WEBHOOKS_RAW))
    address = broker.kafka.bootstrap
    unnamed = GivenKafkaSettings(kafka_bootstrap_servers=address)
    tls = broker.admin.kafka_ca_file
    no_password = GivenKafkaSettings.model_validate(
        {
            "kafka_bootstrap_servers": address,
            "kafka_security_protocol": "SSL",
            "kafka_ca_file": tls,
        }
    )
    guessing = (broker.user("router", "guessed"), broker.user("mallory"))
    for stranger in (unnamed, no_password, *guessing):
        assert written_by(stranger, [WEBHOOKS_RAW], deadline_ms=3000)[WEBHOOKS_RAW.name] is not None
    assert len(read_records(broker.admin, WEBHOOKS_RAW)) == before


# ---- prefixes ------------------------------------------------------------------------------


def test_two_installations_share_a_broker_by_their_prefixes(broker: SecuredBroker) -> None:
    names = {"kafka_topic_prefix": PREFIX, "kafka_group_prefix": PREFIX}
    staging = broker.admin.model_copy(update=names)
    assert PREFIX + REPLIES_OUTBOUND.name in create(staging, every_topic(), partitions=1)
    grant(staging)
    produce(staging, REPLIES_OUTBOUND, [("staging", b"{}")])
    [record] = read_records(staging, REPLIES_OUTBOUND)
    assert (record.topic, record.key) == (REPLIES_OUTBOUND.name, b"staging")
    assert all(one.key != b"staging" for one in read_records(broker.admin, REPLIES_OUTBOUND))
    subscription = Subscription(staging, group_of("sender", REPLIES_OUTBOUND), REPLIES_OUTBOUND)
    subscription.open()
    with contextlib.closing(subscription):
        deadline = Deadline("the record of staging", SECONDS)
        records = subscription.poll()
        while not records:
            deadline.check()
            records = subscription.poll()
        assert [record.topic for record in records] == [REPLIES_OUTBOUND.name]
        admin = AdminClient(client_config(staging))
        listed = admin.list_consumer_groups().result(SECONDS).valid
        assert f"{PREFIX}sender.replies.outbound" in {group.group_id for group in listed}


# ---- TLS -----------------------------------------------------------------------------------


def test_a_certificate_of_an_unknown_authority_is_refused(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    other = broker_tls(tmp_path).ca
    wrong = broker.user("router").model_copy(update={"kafka_ca_file": other})
    with TopicReader(wrong, TENANTS_CONFIG.name) as reader, pytest.raises(TopicUnavailable):
        reader.partitions()


def test_clients_show_a_certificate_where_the_broker_asks_for_one(
    home: Path, tmp_path: Path
) -> None:
    with secured(home, broker_tls(tmp_path, with_client=True)) as broker:
        assert written_by(broker.user("ingress"), [WEBHOOKS_RAW])[WEBHOOKS_RAW.name] is None
        none = {"kafka_certificate_file": None, "kafka_key_file": None}
        bare = broker.user("ingress").model_copy(update=none)
        assert written_by(bare, [WEBHOOKS_RAW], deadline_ms=3000)[WEBHOOKS_RAW.name] is not None


# ---- what is said --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"KAFKA_PASSWORD": "guessed"}, "KAFKA_PASSWORD"),
        ({"KAFKA_USERNAME": "assistant", "KAFKA_PASSWORD": "assistant-pass"}, "--acls"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_CA_FILE": "OTHER"}, "KAFKA_CA_FILE"),
    ],
    ids=["password", "right", "protocol", "authority"],
)
def test_a_service_that_is_refused_names_the_setting_and_is_not_ready(
    broker: SecuredBroker, tmp_path: Path, wrong: dict[str, str], setting: str
) -> None:
    given = {
        "WHATSAPP_APP_SECRETS": "0123456789abcdef0123456789abcdef",
        "WHATSAPP_VERIFY_TOKEN": "a-token-of-the-tests",
        "INGRESS_PORT": str(free_ports(1)[0]),
    }
    if "KAFKA_CA_FILE" in wrong:
        wrong = {"KAFKA_CA_FILE": str(broker_tls(tmp_path).ca)}
    with running_service("ingress", broker.user("ingress"), tmp_path, **given | wrong) as service:
        eventually(lambda: setting in refusals(service), "the refusal in the log")
        assert "guessed" not in service.log.read_text()
        assert service.answers("/live")
        assert not service.is_ready()


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"KAFKA_PASSWORD": "guessed"}, "KAFKA_PASSWORD"),
        ({"KAFKA_USERNAME": "sender", "KAFKA_PASSWORD": "sender-pass"}, "--acls"),
    ],
    ids=["password", "right"],
)
def test_a_router_that_is_refused_names_the_setting(
    broker: SecuredBroker, tmp_path: Path, wrong: dict[str, str], setting: str
) -> None:
    with running_service("router", broker.user("router"), tmp_path, **wrong) as service:
        eventually(lambda: setting in refusals(service), "the refusal in the log")
        assert not service.is_ready()


def test_a_router_is_ready_with_its_own_user(broker: SecuredBroker, tmp_path: Path) -> None:
    """Faust too: it reads webhooks.raw with a group, and writes."""
    with running_service("router", broker.user("router"), tmp_path) as service:
        service.wait_until_ready()
        assert service.drain() == 0


async def test_the_user_of_the_router_may_ask_how_its_group_stands(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    """What its stall watch asks."""
    mine, group = broker.user("router"), group_of("router", WEBHOOKS_RAW)
    lag = GroupLag(mine, group)
    with running_service("router", mine, tmp_path) as service:
        await eventually_in_thread(service.is_ready, "a router", SECONDS)
        admin = AdminClient(client_config(broker.admin))  # it must outlive the answer
        [member] = admin.describe_consumer_groups([group])[group].result(SECONDS).members
        await eventually_async(lambda: is_up_to_date(lag, member.member_id), "every commit")
        assert await lag.is_behind("somebody-else")


async def is_up_to_date(lag: GroupLag, member_id: str) -> bool:
    return not await lag.is_behind(member_id)


# ---- one user's doings ---------------------------------------------------------------------


def refusals(service: ServiceProcess) -> str:
    """The lines of its log that say so."""
    lines = service.log.read_text().splitlines()
    events = ("kafka_refused", "kafka_unreachable")
    return "\n".join(line for line in lines if any(event in line for event in events))


def written_by(
    kafka: KafkaSettings, topics: Iterable[Topic], deadline_ms: int = 30_000
) -> dict[str, KafkaError | None]:
    """A record to each topic, and what came of it."""
    results: dict[str, KafkaError | None] = {}
    producer = Producer(producer_config(kafka, deadline_ms=deadline_ms, linger_ms=0))

    def noting(name: str) -> Callable[[KafkaError | None, Message], None]:
        return lambda error, _: results.update({name: error})

    for topic in topics:
        producer.produce(
            kafka.topic_name(topic.name),
            b"{}",
            key=b"key",
            on_delivery=noting(topic.name),
        )
    assert producer.flush(SECONDS) == 0
    return results


def read_by(kafka: KafkaSettings, topics: Iterable[Topic]) -> dict[str, bool]:
    """Whether this user is given records of each topic, or is told that there are none."""
    consumer = Consumer(reader_config(kafka))
    with contextlib.closing(consumer):
        results = {topic.name: is_shown(consumer, topic.name) for topic in topics}
        shown = {name for name, is_there in results.items() if is_there}
        consumer.assign([TopicPartition(name, 0, 0) for name in shown])
        deadline = Deadline("an answer for every topic that is shown", SECONDS)
        answered: set[str] = set()
        while answered != shown:
            deadline.check()
            message = consumer.poll(0.2)
            if message is not None and (name := message.topic()):
                answered.add(name)
                error = message.error()
                results[name] &= error is None or error.code() == KafkaError._PARTITION_EOF
    return results


def is_shown(consumer: Consumer, name: str) -> bool:
    """Whoever may write a topic sees it too."""
    error = consumer.list_topics(name, timeout=SECONDS).topics[name].error
    assert error is None or error.code() == AUTHORIZATION
    return error is None


def refusal_of_group(kafka: KafkaSettings, group: str) -> int | None:
    """With what the broker refuses to tell of a group, which everybody may know who may join it."""
    admin = AdminClient(client_config(kafka))
    try:
        admin.describe_consumer_groups([group])[group].result(SECONDS)
    except KafkaException as error:
        return int(error.args[0].code())
    return None


def refusal_of_commit(kafka: KafkaSettings, group: str) -> int | None:
    """With what the broker refuses to move a group, which only who may join it can."""
    admin = AdminClient(client_config(kafka))
    place = TopicPartition(kafka.topic_name(REPLIES_OUTBOUND.name), 0, 0)
    asked = [ConsumerGroupTopicPartitions(group, [place])]
    try:
        answer = admin.alter_consumer_group_offsets(asked)[group].result(SECONDS)
    except KafkaException as error:
        return int(error.args[0].code())
    errors = [each.error for each in answer.topic_partitions or [] if each.error]
    return int(errors[0].code()) if errors else None


def deleted(kafka: KafkaSettings, topic: Topic) -> None:
    admin = AdminClient(client_config(kafka))  # it must outlive the answer
    admin.delete_topics([topic.name])[topic.name].result(SECONDS)
