"""One person stays one conversation, whatever address WhatsApp names."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.assistant import RunningAssistant, incoming, running_assistant
from tests.support.builders import a_delivery
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase

from assistant.reply_wamids import store_reply_wamids
from common.events import MessageReceived

pytestmark = pytest.mark.integration

BSUID, NEW_BSUID = "ES.1349", "ES.2000"
PHONE, NEW_PHONE = "34600111222", "34600999888"
BY_PHONE: dict[str, Any] = {"contact": PHONE, "wa_id": PHONE}
BY_BOTH: dict[str, Any] = {"contact": BSUID, "wa_id": PHONE}
BY_BSUID: dict[str, Any] = {"contact": BSUID}
MOVED: dict[str, Any] = {"contact": NEW_BSUID, "wa_id": NEW_PHONE}
# How the contact was known, the change that WhatsApp tells (or none), and how they write then.
NUMBER_CHANGED = {"user_id": BSUID, "wa_id": PHONE}
TRANSITIONS: dict[str, tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]] = {
    "the BSUID appears": (BY_PHONE, None, BY_BOTH),
    "the phone disappears": (BY_BOTH, None, BY_BSUID),
    "the phone comes back without the BSUID": (BY_BOTH, None, BY_PHONE),
    "the phone changes and the BSUID stays": (BY_BOTH, None, BY_BOTH | {"wa_id": NEW_PHONE}),
    "the BSUID is another on the same phone": (BY_BOTH, None, BY_BOTH | {"contact": NEW_BSUID}),
    "a new number": (BY_BOTH, MOVED | {"previous_ids": NUMBER_CHANGED}, MOVED),
    "a new number of one known by phone": (
        BY_PHONE,
        MOVED | {"previous_ids": {"wa_id": PHONE}},
        MOVED,
    ),
    "a new number, then only the BSUID": (
        BY_BOTH,
        MOVED | {"previous_ids": NUMBER_CHANGED},
        {"contact": NEW_BSUID},
    ),
    "a new BSUID": (
        BY_BOTH,
        {"contact": NEW_BSUID, "previous_ids": {"user_id": BSUID}},
        {"contact": NEW_BSUID},
    ),
}


def change(wamid: str, **fields: Any) -> MessageReceived:
    return incoming("[new contact address]", wamid=wamid, **fields)


async def write(assistant: RunningAssistant, text: str, **address: Any) -> None:
    await assistant.receive(incoming(text, **address))
    await assistant.wait_until_settled()


async def conversations(assistant: RunningAssistant) -> Sequence[tuple[object, ...]]:
    rows = await assistant.rows(
        "select coalesce(address, contact_id), wa_id from conversation order by id"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("name", TRANSITIONS)
@pytest.mark.parametrize("restarted", [False, True], ids=["cached", "restarted"])
async def test_opt_out_and_history_survive(
    kafka: Broker, new_database: NewDatabase, name: str, restarted: bool
) -> None:
    before, told, after = TRANSITIONS[name]
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings) as assistant:
        await write(assistant, "me llamo Ana", **before)
        await write(assistant, "STOP", **before)
        if told:
            await assistant.receive(change("wamid.system", **told))
        if not restarted:
            await check_same_person(assistant, after)
    if restarted:
        async with running_assistant(url, kafka.settings) as assistant:
            await check_same_person(assistant, after)


async def check_same_person(assistant: RunningAssistant, after: dict[str, Any]) -> None:
    await write(assistant, "¿hay alguien?", **after)
    outcomes = {each.wamid: each.reason for each in await assistant.outcomes()}
    assert outcomes[f"wamid.{after['contact']}.¿hay alguien?"] == "opted_out"
    await write(assistant, "ALTA", **after)
    await write(assistant, "¿cómo me llamo?", **after)
    [*_, last] = assistant.model.bodies
    assert "me llamo Ana" in [item["content"] for item in last["input"]]
    [(contact_id, _)] = await conversations(assistant)
    assert contact_id == after["contact"], "replies go to the newest address"
    assert (await assistant.replies())[-1].contact_id == after["contact"]
    assert len({body["safety_identifier"] for body in assistant.model.bodies}) == 1


SPELLINGS = [
    ("5215512345678", "525512345678"),
    ("5491112345678", "541112345678"),
    ("5511987654321", "551187654321"),
]


@pytest.mark.parametrize("phones", [*SPELLINGS, *(pair[::-1] for pair in SPELLINGS)])
async def test_two_spellings_of_a_phone_are_one_person(
    assistant: RunningAssistant, phones: tuple[str, str]
) -> None:
    for phone in phones:
        await write(assistant, "hola", contact=phone, wa_id=phone)
    assert await conversations(assistant) == [(phones[1], phones[1])]


async def test_two_spellings_with_two_bsuids_are_two_people(assistant: RunningAssistant) -> None:
    for bsuid, phone in zip(("MX.1", "MX.2"), SPELLINGS[0], strict=True):
        await write(assistant, "hola", contact=bsuid, wa_id=phone)
    assert len(await conversations(assistant)) == 2


async def test_who_gets_the_number_of_somebody_who_moved_is_not_them(
    assistant: RunningAssistant,
) -> None:
    await write(assistant, "secreto", **BY_BOTH)
    await assistant.receive(change("wamid.s", **MOVED, previous_ids=NUMBER_CHANGED))
    await write(assistant, "hola", contact="ES.3000", wa_id=PHONE)
    assert await conversations(assistant) == [(NEW_BSUID, NEW_PHONE), ("ES.3000", PHONE)]
    assert "secreto" not in str(assistant.model.bodies[-1]["input"])


async def test_an_alias_of_another_conversation_is_left_to_it(
    assistant: RunningAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    await write(assistant, "hola", **BY_BOTH)
    await write(assistant, "hola", **MOVED)
    told = change("wamid.s", **MOVED, previous_ids=NUMBER_CHANGED)
    await assistant.receive(told)
    await assistant.receive(told)
    await write(assistant, "otra", **MOVED)
    aliases = await assistant.rows("select alias, conversation_id from contact_alias order by 1")
    assert dict(map(tuple, aliases)) == {PHONE: 1, BSUID: 1, NEW_PHONE: 2, NEW_BSUID: 2}
    assert capsys.readouterr().out.count("alias_conflict") == 1
    ends = [(each.wamid, each.outcome, each.reason) for each in await assistant.outcomes()]
    assert ends == [("wamid.s", "recorded", "system")]


async def test_a_batch_with_both_addresses_of_a_new_person_is_one_conversation(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(incoming("uno", **BY_PHONE), incoming("dos", **BY_BOTH))
    [reply] = await assistant.replies()
    assert len(reply.answers) == 2
    assert await conversations(assistant) == [(BSUID, PHONE)]


async def test_two_consumers_that_see_a_new_person_at_once_make_one_conversation(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with (
        running_assistant(url, kafka.settings) as first,
        running_assistant(url, kafka.settings) as second,
    ):
        for person in range(40):
            phone, bsuid = f"3460000{person:04d}", f"ES.{person}"
            await asyncio.gather(
                first.receive(incoming("uno", contact=phone, wa_id=phone)),
                second.receive(incoming("dos", contact=bsuid, wa_id=phone)),
            )
        await first.wait_until_settled()
        assert len(await conversations(first)) == 40


async def test_what_an_older_replica_stored_without_aliases_is_found(
    assistant: RunningAssistant,
) -> None:
    await assistant.execute(
        "insert into conversation (tenant_id, contact_id, phone_number_id, wa_id, opted_out)"
        f" values (1, '{BSUID}', 'number-1', '{PHONE}', true)"
    )
    await write(assistant, "hola", **BY_BOTH)
    assert [each.reason for each in await assistant.outcomes()] == ["opted_out"]
    assert len(await conversations(assistant)) == 1


async def test_the_model_is_told_what_a_message_quotes(assistant: RunningAssistant) -> None:
    await write(assistant, "el menú", **BY_BOTH)
    [reply] = await assistant.replies()
    sent = a_delivery(tenant_id=1, reply_id=reply.reply_id, wamid="wamid.ours")
    other = a_delivery(tenant_id=2, reply_id=reply.reply_id, wamid="wamid.theirs")
    for _ in range(2):
        await assistant.database.transaction(lambda c: store_reply_wamids(c, [sent, sent, other]))
    for number, quoted in enumerate(["wamid.ours", f"wamid.{BSUID}.el menú", "wamid.theirs", "x"]):
        await write(assistant, f"¿y este? {number}", **BY_BOTH, reply_to=quoted)
    read = [body["input"][-1]["content"] for body in assistant.model.bodies[1:]]
    assert read == [
        '[about "echo el menú"] ¿y este? 0',
        '[about "el menú"] ¿y este? 1',
        "¿y este? 2",
        "¿y este? 3",
    ]
