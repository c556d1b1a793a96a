"""Meta's and OpenAI's sides fail, before they took something or after."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.system import AddedClient, RunningSystem, a_contact, running_system

from assistant.openai.model_circuit import FAILURES_IN_A_ROW
from devkit.faults import FaultProxy, Toxic
from devkit.stack.ports import free_ports

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
LIMITED = 5  # each halves the rate of the key
FAILING = FAILURES_IN_A_ROW - 1  # one more, and turns would wait for a probe
FALLBACK = "Le contestaremos pronto."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire() -> AsyncIterator[FaultProxy]:
    """Between the sender and Meta."""
    async with FaultProxy("127.0.0.1", *free_ports(1)) as proxy:
        yield proxy


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def system(wire: FaultProxy, pytestconfig: pytest.Config) -> AsyncIterator[RunningSystem]:
    extra = {"sender": {"WHATSAPP_GRAPH_URL": f"http://127.0.0.1:{wire.port}/v26.0"}}
    async with running_system(pytestconfig, chat_port=wire.target_port, extra=extra) as system:
        yield system


@pytest.mark.parametrize(
    "toxic",
    [Toxic("reset"), Toxic("close"), Toxic("limit", count=40), Toxic("blackhole")],
    ids=lambda toxic: toxic.kind,
)
async def test_an_answer_lost_on_the_wire_is_settled_by_the_status(
    system: RunningSystem, wire: FaultProxy, toxic: Toxic
) -> None:
    client, contact, before = await system.add_client(), a_contact(), wire.hits[toxic.kind]
    wire.add(toxic)
    try:
        outcome = await system.write_and_wait(client.number, contact)
    finally:
        wire.heal()
    assert outcome.outcome == "answered"
    assert wire.hits[toxic.kind] > before
    await assert_delivered_once(system, client, outcome.reply_id)


async def test_a_send_in_doubt_is_known_as_unknown_until_its_status_comes(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(), a_contact()
    await system.add_graph_fault(client, "after_accept", drop=True)
    await system.add_graph_fault(client, "status", drop=True)
    wamid = await system.write(client.number, contact)
    await system.events.eventually(
        lambda: system.events.states_after(wamid) == ["unknown"], "the doubt"
    )
    await system.report_read(client, contact)
    outcome = await system.events.wait_for_outcome(wamid)
    assert outcome.outcome == "answered"
    await assert_delivered_once(system, client, outcome.reply_id)
    assert await faults_met(system, client) == 2


async def test_a_send_that_meta_refused_for_now_is_sent_again_once(system: RunningSystem) -> None:
    client, contact = await system.add_client(), a_contact()
    await system.add_graph_fault(client, "before_accept", error=131000)
    outcome = await system.write_and_wait(client.number, contact)
    assert outcome.outcome == "answered"
    assert await faults_met(system, client) == 1
    await assert_delivered_once(system, client, outcome.reply_id)


async def test_a_burst_of_model_errors_leaves_one_answer_or_fallback_each(
    system: RunningSystem,
) -> None:
    client = await system.add_client(fallback_text=FALLBACK)
    contacts = [a_contact() for _ in range(15)]
    before = await injected(system)
    mine = {"kind": "status", "match": {"instructions": client.name}}
    await system.control_model("faults", **mine, times=LIMITED, status=429, retry_after=1)
    await system.control_model("faults", **mine, times=FAILING, status=500)
    wamids = [await system.write(client.number, contact) for contact in contacts]
    ends = await system.events.wait_for_outcomes(wamids)
    replies = [await system.chat.replies(client.number, contact) for contact in contacts]
    assert {len(texts) for texts in replies} == {1}
    fallbacks = sum(text == FALLBACK for (text,) in replies)
    assert sum(client.name in text for (text,) in replies) == len(contacts) - fallbacks
    assert (ends["answered"], ends["failed"]) == (len(contacts) - fallbacks, fallbacks)
    assert await injected(system) == before + LIMITED + FAILING


async def assert_delivered_once(
    system: RunningSystem, client: AddedClient, reply_id: str | None
) -> None:
    """Read in the end, and there never was a second copy."""
    await system.events.wait_until_read(reply_id)
    assert len(await system.accepted_sends(client.number)) == 1


async def faults_met(system: RunningSystem, client: AddedClient) -> int:
    rules = await system.get_json(f"{system.stack.chat_url}/control/faults")
    return sum(rule["fired"] for rule in rules if rule["match"]["phone_number_id"] == client.number)


async def injected(system: RunningSystem) -> int:
    faults = await system.get_json(f"{system.model_control_url}/faults")
    return int(faults["injected"].get("status", 0))
