"""Every way to lose a request or its answer, between the sender and the stand-in of Graph.

One reply's statuses come, the other's do not: the first is one message, the second two at most. A
port that nobody listens on is in test_doubt.py.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.sender import RunningSender, a_reply, a_status, a_tenant, running_sender
from tests.support.waiting import eventually_in_thread
from tests.support.whatsapp_emulator import GARAGE, LUCIA, MARCOS, Running, running

from devkit.faults import FaultProxy, Toxic

pytestmark = pytest.mark.integration
CALL_SECONDS = 1.0
NUMBER = GARAGE.phone_number_id
FAULTS = {
    "reset on accept": Toxic("refuse"),
    "request cut": Toxic("limit", "up", count=30),
    "request swallowed": Toxic("blackhole", "up"),
    "answer swallowed": Toxic("blackhole", "down"),
    "answer reset": Toxic("reset", "down"),
    "answer cut": Toxic("limit", "down", count=40),
    "answer closed": Toxic("close", "down"),
    "answer trickled": Toxic("trickle", "down", seconds=0.2),
    "answer late": Toxic("latency", "down", seconds=3 * CALL_SECONDS),
}
TAKEN = {name for name in FAULTS if name.startswith("answer")}


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Running]:
    with running() as emulator:
        yield emulator


@pytest.fixture
async def proxy(stand_in: Running) -> AsyncIterator[FaultProxy]:
    stand_in.fresh()
    for contact in (LUCIA, MARCOS):
        stand_in.write(GARAGE, contact)
    address = urlsplit(stand_in.url)
    async with FaultProxy(str(address.hostname), int(address.port or 0)) as between:
        yield between


@pytest.fixture
async def sender(
    kafka: Broker, new_database: NewDatabase, proxy: FaultProxy, tmp_path: Path
) -> AsyncIterator[RunningSender]:
    graph = f"http://127.0.0.1:{proxy.port}/v26.0"
    url = new_database(("sender", "sender"))
    async with running_sender(kafka.settings, url, graph, tmp_path, CALL_SECONDS) as one:
        await one.add_tenant(a_tenant(phone_number_id=NUMBER))
        yield one


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_request_or_answer_makes_no_third_message(
    sender: RunningSender, proxy: FaultProxy, stand_in: Running, fault: str
) -> None:
    def taken(contact: str) -> list[dict[str, str]]:
        query = f"messages?phone_number_id={NUMBER}&contact={contact}"
        return [each for each in stand_in.look(query) if each["direction"] == "outbound"]

    proxy.add(FAULTS[fault])
    told = {"phone_number_id": NUMBER, "contact_id": LUCIA.user_id}
    untold = {"phone_number_id": NUMBER, "contact_id": MARCOS.user_id}
    await sender.reply(a_reply("told", **told), a_reply("untold", **untold, wa_id=None))
    await eventually_in_thread(lambda: sender.statuses() == ["unknown"] * 2)
    assert proxy.hits.total() >= 2
    proxy.heal()

    first = taken(LUCIA.user_id)
    assert len(first) == len(taken(MARCOS.user_id)) == (fault in TAKEN)
    for message in first:
        await sender.status(a_status(message["wamid"], "sent", tag=message["tag"], **told))
        await eventually_in_thread(lambda: "sent" in sender.statuses())
    outcomes = await eventually_in_thread(
        sender.hurried(lambda: len(sender.outcomes()) == 2 and sender.outcomes())
    )
    assert [outcome.outcome for outcome in outcomes] == ["answered"] * 2
    assert len(taken(LUCIA.user_id)) == 1
    assert len(taken(MARCOS.user_id)) == 1 + (fault in TAKEN)
