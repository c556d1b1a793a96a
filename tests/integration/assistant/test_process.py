"""The whole service as a process: from Kafka to Kafka, and killed at the worst moments."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.assistant import ASSISTANT, a_client, incoming
from tests.support.assistant_process import WAITING_TO_STORE, AssistantProcess
from tests.support.kafka import Broker
from tests.support.loopback import serve
from tests.support.postgres import NewDatabase
from tests.support.waiting import eventually

from common.events import ReplyReady
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG
from devkit.emulators.openai import EmulatorConfig, create_app

pytestmark = pytest.mark.integration


@pytest.fixture
def emulator() -> Iterator[str]:
    with serve(create_app(EmulatorConfig())) as url:
        yield url


@pytest.fixture
def service(
    kafka: Broker, new_database: NewDatabase, emulator: str, tmp_path: Path
) -> Iterator[AssistantProcess]:
    url = new_database(("assistant", "assistant"))
    process = AssistantProcess(kafka.settings, url, emulator, tmp_path / "assistant.log")
    client = a_client(access_token="sealed")
    assistant = ASSISTANT.model_copy(update={"model": "gpt-6-luna"})
    process.publish(TENANTS_CONFIG, (client.phone_number_id, client))
    process.publish(ASSISTANTS_CONFIG, (assistant.assistant_id, assistant))
    process.start()
    yield process
    process.stop()


def calls(emulator: str) -> int:
    journal: dict[str, Any] = httpx.get(f"{emulator}/control/journal?limit=1000").json()
    return len(journal["requests"])


def delay(emulator: str, ms: int) -> None:
    httpx.post(f"{emulator}/control/delay", json={"ms": ms}).raise_for_status()


def once(replies: list[ReplyReady]) -> list[str]:
    """The answered wamids; copies of one reply count once, and must be equal."""
    first = {reply.reply_id: reply for reply in reversed(replies)}
    assert all(reply.text == first[reply.reply_id].text for reply in replies)
    return sorted(wamid for reply in first.values() for wamid in reply.answers)


def test_messages_become_replies_and_a_term_signal_drains(
    service: AssistantProcess, emulator: str
) -> None:
    messages = [incoming("hola", contact=f"c{n}") for n in range(30)]
    service.send(messages)
    service.wait_until_settled(30)
    assert once(service.replies()) == sorted(message.wamid for message in messages)
    delay(emulator, 500)
    service.send([incoming("adiós", contact=f"c{n}") for n in range(30)])
    eventually(lambda: calls(emulator) >= 60, "the model to be asked")
    assert service.drain() == 0
    assert service.count("select count(*) from turn where finished_at is null") == 0
    assert len(service.replies()) == 60


def test_killed_with_answers_in_flight_each_turn_is_answered_once(
    service: AssistantProcess, emulator: str
) -> None:
    delay(emulator, 5000)  # long enough to lock the turns before the first answer, on any machine
    messages = [incoming("hola", contact=f"c{n}") for n in range(10)]
    service.send(messages)
    eventually(lambda: calls(emulator) >= 10, "the model to be asked")
    with service.turns_locked():
        eventually(lambda: service.count(WAITING_TO_STORE) > 0, "answers that wait to be stored")
        service.kill()
    assert service.count("select count(*) from message where role = 'a'") == 0
    delay(emulator, 0)
    service.start()
    service.wait_until_settled(10)
    assert once(service.replies()) == sorted(message.wamid for message in messages)
    assert service.count("select count(*) from message where role = 'a'") == 10


def test_killed_again_and_again_nothing_is_lost_or_answered_twice(
    service: AssistantProcess, emulator: str
) -> None:
    delay(emulator, 20)
    messages = [incoming(str(n), contact=f"c{n % 150}") for n in range(600)]
    finished = "select count(*) from turn where finished_at is not null"
    service.send(messages[:300])
    for share in (20, 60, 120):
        eventually(lambda at=share: service.count(finished) >= at, f"{share} turns")  # type: ignore[misc]
        service.kill()
        service.send(messages[300 + share : 300 + share + 20])
        service.start()
    sent = messages[:300] + [m for at in (20, 60, 120) for m in messages[300 + at : 320 + at]]
    service.wait_until_settled(len(sent))
    assert once(service.replies()) == sorted(message.wamid for message in sent)
    answers = service.count("select count(*) from message where role = 'a'")
    assert answers == service.count(finished)
