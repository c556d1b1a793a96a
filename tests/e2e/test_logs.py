"""What the services log: at every level nothing that a contact wrote, no phone and no secret."""

import io
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from confluent_kafka import Producer
from tests.support.event_log import POISON
from tests.support.system import DEFAULT_KEY, OWN_KEY, RunningSystem, a_contact, running_system

from common.kafka.producer import producer_config
from common.topics import MESSAGES_INBOUND, WEBHOOKS_RAW
from devkit.emulators.whatsapp.payloads import sign
from devkit.stack.system import SERVICES

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
WORDS, PHONE, TOKEN = "canario amarillo", "34699887766", "EAAG-canary-token-of-a-client"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def output() -> io.StringIO:
    return io.StringIO()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def system(output: io.StringIO, pytestconfig: pytest.Config) -> AsyncIterator[RunningSystem]:
    """One that logs everything."""
    async with running_system(pytestconfig, output, style="json", level="debug") as system:
        yield system


async def test_no_log_line_holds_words_phones_or_secrets(
    system: RunningSystem, output: io.StringIO
) -> None:
    client = await system.add_client(token=TOKEN)
    await system.give_secrets(client, TOKEN, OWN_KEY)
    assert (await system.write_and_wait(client.number, PHONE, WORDS)).outcome == "answered"
    await go_wrong(system, client.number, client.name)
    secrets = [*system.stack.secrets.values(), TOKEN, OWN_KEY, DEFAULT_KEY]
    lines = lines_of_services(output.getvalue())
    assert {line["service"] for line in lines} == set(SERVICES)
    assert any(line["level"] == "warning" for line in lines), "what went wrong was logged"
    logged = json.dumps(lines, ensure_ascii=False)
    assert not [canary for canary in (WORDS, PHONE, *secrets) if canary in logged]


async def go_wrong(system: RunningSystem, number: str, name: str) -> None:
    """A refused send, a failing model, an unreadable webhook and a poisoned topic."""
    match = {"phone_number_id": number}
    await system.chat.post(
        "/control/faults",
        {"phase": "before_accept", "action": {"error": 131026}, "match": match},
    )
    assert (await system.write_and_wait(number, PHONE, WORDS)).outcome == "failed"
    await system.control_model("faults", kind="status", status=400, match={"instructions": name})
    await system.write_and_wait(number, a_contact(), WORDS)
    body = f'{{"{WORDS}": {PHONE}'.encode()
    headers = {"X-Hub-Signature-256": sign(system.stack.secrets["WHATSAPP_APP_SECRETS"], body)}
    await system.http.post(system.stack.webhook_url, data=body, headers=headers)
    producer = Producer(producer_config(system.stack.kafka_admin, deadline_ms=10_000, linger_ms=0))
    for topic in (MESSAGES_INBOUND, WEBHOOKS_RAW):
        key = f"{number}:{PHONE}" if topic is MESSAGES_INBOUND else number
        producer.produce(topic.name, body, key=key.encode(), headers=[(POISON, b"1")])
    assert producer.flush(10) == 0
    assert (await system.write_and_wait(number, PHONE, WORDS)).outcome == "answered"


def lines_of_services(text: str) -> list[dict[str, str]]:
    """Every line of a service, which must be one JSON object."""
    pairs = (line.split(" | ", 1) for line in text.splitlines())
    return [json.loads(line) for name, line in pairs if name.strip() in SERVICES]
