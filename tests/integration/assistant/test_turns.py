"""Messages become turns: one per burst, superseded by what comes after, nothing lost or twice."""

import asyncio
from typing import Any

import pytest
from psycopg2 import IntegrityError
from tests.support.assistant import (
    RunningAssistant,
    a_client,
    incoming,
    running_assistant,
)
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase

from assistant import tables
from assistant.receive import BODY_BYTES
from assistant.turn_context import HISTORY_BYTES, PENDING_BYTES, turn_context

pytestmark = pytest.mark.integration
TURNS = "select id from turn order by id"


def inputs(body: dict[str, Any]) -> list[str]:
    """What the model read, without the line about the moment."""
    return [item["content"] for item in body["input"] if item["role"] != "developer"]


async def test_an_answer_is_stored_once_and_leaves_with_what_it_answers(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(incoming("hola", wa_id="34600"))
    [reply] = await assistant.replies()
    assert (reply.text, reply.kind, reply.answers) == ("echo hola", "answer", ("wamid.ann.hola",))
    assert (reply.wa_id, reply.conversation) == ("34600", "number-1:ann")
    stored = await assistant.rows(
        "select role::text, body, turn_id is null from message order by id"
    )
    assert [tuple(row) for row in stored] == [("u", "hola", False), ("a", "echo hola", False)]
    used = await assistant.rows("select input_tokens, output_tokens, model from usage")
    assert [tuple(row) for row in used] == [(10, 5, "m")]
    assert await assistant.outcomes() == []


async def test_a_message_that_comes_again_opens_no_second_turn(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(incoming("hola"), incoming("hola"))
    await assistant.wait_until_settled()
    await assistant.receive(incoming("hola"))
    assert len(await assistant.replies()) == 1
    assert len(await assistant.rows(TURNS)) == 1


async def test_a_contact_that_an_operator_erased_can_write_again(
    assistant: RunningAssistant,
) -> None:
    """Its conversation's id is still cached: the consumer's next try of the batch finds it new."""
    await assistant.receive(incoming("hola"))
    await assistant.wait_until_settled()
    await assistant.execute("delete from message; delete from turn; delete from conversation")
    with pytest.raises(IntegrityError):
        await assistant.receive(incoming("otra vez"))
    await assistant.receive(incoming("otra vez"))
    await assistant.wait_until_settled()
    assert [reply.text for reply in await assistant.replies()] == ["echo hola", "echo otra vez"]


async def test_two_clients_may_see_the_same_wamid(kafka: Broker, new_database: NewDatabase) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, a_client(1), a_client(2)) as assistant:
        await assistant.receive(incoming("hola", tenant=1), incoming("hola", tenant=2))
        assert {reply.tenant_id for reply in await assistant.replies()} == {1, 2}


async def test_a_burst_is_one_turn(kafka: Broker, new_database: NewDatabase) -> None:
    patient = a_client(settings={"quiet_window_ms": 300})
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, patient) as assistant:
        for text in ("una", "dos", "tres"):
            await assistant.receive(incoming(text))
        [reply] = await assistant.replies()
        assert reply.answers == ("wamid.ann.una", "wamid.ann.dos", "wamid.ann.tres")
        assert [inputs(body) for body in assistant.model.bodies] == [["una", "dos", "tres"]]


async def test_a_newer_message_supersedes_the_running_turn(assistant: RunningAssistant) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("uno"))
    await assistant.wait_for_calls(1)
    await assistant.receive(incoming("dos"))
    await assistant.wait_for_calls(2)
    gate.set()
    [reply] = await assistant.replies()
    assert (reply.text, len(reply.answers)) == ("echo dos", 2)
    assert inputs(assistant.model.bodies[1]) == ["uno", "dos"]
    assert len(await assistant.rows("select 1 from message where role = 'a'")) == 1


async def test_after_three_times_the_answer_stands_and_the_rest_is_the_next_turn(
    assistant: RunningAssistant,
) -> None:
    gate = assistant.model.close()
    for number in range(1, 5):
        await assistant.receive(incoming(str(number)))
        await assistant.wait_for_calls(number)
    await assistant.receive(incoming("5"))
    await assistant.receive(incoming("6"))
    gate.set()
    first, second = await assistant.replies()
    assert [len(first.answers), first.text] == [4, "echo 4"]
    assert [len(second.answers), second.text] == [2, "echo 6"]
    assert inputs(assistant.model.bodies[-1]) == ["1", "2", "3", "4", "echo 4", "5", "6"]


async def test_history_is_whole_turns_in_order(assistant: RunningAssistant) -> None:
    for text in ("uno", "dos", "tres"):
        await assistant.receive(incoming(text))
        await assistant.wait_until_settled()
    assert inputs(assistant.model.bodies[-1]) == ["uno", "echo uno", "dos", "echo dos", "tres"]


async def test_what_was_answered_is_remembered_behind_many_messages_that_were_not(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(incoming("me llamo Ana"))
    await assistant.wait_until_settled()
    await assistant.execute("update conversation set opted_out = true")
    await assistant.receive(*(incoming(f"silencio {number}") for number in range(150)))
    await assistant.wait_until_settled()
    await assistant.execute("update conversation set opted_out = false")
    await assistant.receive(incoming("¿cómo me llamo?"))
    await assistant.wait_until_settled()
    expected = ["me llamo Ana", "echo me llamo Ana", "¿cómo me llamo?"]
    assert inputs(assistant.model.bodies[-1]) == expected


async def test_two_clients_with_the_same_contact_share_no_history(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, a_client(1), a_client(2)) as assistant:
        await assistant.receive(incoming("secreto", tenant=1))
        await assistant.wait_until_settled()
        await assistant.receive(incoming("hola", tenant=2))
        await assistant.wait_until_settled()
        assert inputs(assistant.model.bodies[-1]) == ["hola"]
        identifiers = {body["safety_identifier"] for body in assistant.model.bodies}
        assert len(identifiers) == 2


async def test_more_messages_than_a_turn_can_answer_are_answered_by_the_next(
    assistant: RunningAssistant,
) -> None:
    many = [incoming(str(number)) for number in range(700)]
    await assistant.receive(*many)
    replies = await assistant.replies()
    answered = [wamid for reply in replies for wamid in reply.answers]
    assert answered == [event.wamid for event in many]
    assert [len(reply.answers) for reply in replies] == [500, 200]


async def test_two_hundred_messages_of_one_contact_all_get_their_outcome(
    assistant: RunningAssistant,
) -> None:
    assistant.tenants.rows["number-1"] = a_client(active=False)
    many = [incoming(str(number)) for number in range(200)]
    await assistant.receive(*many)
    outcomes = await assistant.outcomes()
    assert sorted(outcome.wamid for outcome in outcomes) == sorted(event.wamid for event in many)
    assert len({outcome.event_id for outcome in outcomes}) == 200


async def test_a_message_that_was_stored_late_is_neither_lost_nor_answered_unseen(
    assistant: RunningAssistant,
) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("vista"))
    await assistant.wait_for_calls(1)
    await assistant.execute(
        "insert into message (id, tenant_id, wamid, conversation_id, role, body, sent_at, trace_id)"
        " overriding system value select 0, tenant_id, 'late', conversation_id, 'u', 'tarde',"
        " now(), trace_id from message"
    )
    gate.set()
    first, second = await assistant.replies()
    assert (first.answers, second.answers) == (("wamid.ann.vista",), ("late",))


async def test_a_contact_who_never_pauses_is_answered_within_the_longest_wait(
    kafka: Broker, new_database: NewDatabase
) -> None:
    patient = a_client(settings={"quiet_window_ms": 5_000})
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, patient) as assistant:
        await assistant.receive(incoming("una"))
        await assistant.execute(
            "update turn set opened_at = now() - interval '9.9 s', due_at = now()"
        )
        await assistant.receive(incoming("dos"))
        [reply] = await assistant.replies()
        assert len(reply.answers) == 2


async def test_a_long_quiet_window_begins_again_with_each_message(
    kafka: Broker, new_database: NewDatabase
) -> None:
    patient = a_client(settings={"quiet_window_ms": 30_000})
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, patient) as assistant:
        await assistant.receive(incoming("una"))
        await assistant.execute(
            "update turn set opened_at = now() - interval '25 s', due_at = now() + interval '5 s'"
        )
        await assistant.receive(incoming("dos"))
        [(wait,)] = await assistant.rows("select extract(epoch from due_at - now()) from turn")
        assert wait > 25
        await assistant.execute("update turn set due_at = now()")
        await assistant.wait_until_settled()


@pytest.mark.parametrize(("text", "waits"), [("hola", True), ("STOP", False), ("persona", False)])
async def test_only_a_command_shortens_the_wait_after_a_failure(
    assistant: RunningAssistant, text: str, waits: bool
) -> None:
    await assistant.execute("insert into conversation (tenant_id, contact_id, phone_number_id)"
                       " values (1, 'ann', 'number-1')")  # fmt: skip
    await assistant.execute(
        "insert into turn (tenant_id, conversation_id, last_message_id, attempts, due_at)"
        " select 1, id, 0, 1, now() + interval '60 s' from conversation"
    )
    await assistant.receive(incoming(text))
    [(wait,)] = await assistant.rows("select extract(epoch from due_at - now()) from turn")
    assert (wait > 50) == waits
    await assistant.execute("update turn set due_at = now() where finished_at is null")
    await assistant.wait_until_settled()


async def test_no_answer_leaves_after_an_opt_out_however_often_it_was_made_again(
    assistant: RunningAssistant,
) -> None:
    gate = assistant.model.close()
    for number in range(1, 5):
        await assistant.receive(incoming(str(number)))
        await assistant.wait_for_calls(number)
    await assistant.receive(incoming("STOP"))
    gate.set()
    [reply] = await assistant.replies()
    assert (reply.kind, len(reply.answers)) == ("notice", 5)


async def test_a_drained_process_has_stored_what_was_in_flight(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings) as assistant:
        gate = assistant.model.close()
        await assistant.receive(*(incoming("hola", contact=f"c{n}") for n in range(20)))
        await assistant.wait_for_calls(20)
        asyncio.get_running_loop().call_later(0.2, gate.set)
    async with running_assistant(url, kafka.settings) as restarted:
        assert len(await restarted.replies()) == 20
        assert restarted.model.bodies == []


async def test_a_flood_of_one_client_does_not_hide_the_others(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    clients = [a_client(number) for number in (1, 2, 3)]
    async with running_assistant(url, kafka.settings, *clients, slots=10) as assistant:
        gate = assistant.model.close()
        flood = [incoming("x", contact=f"c{n}", tenant=t) for t in (1, 2) for n in range(100)]
        await assistant.receive(*flood)
        await assistant.wait_for_calls(8)
        await assistant.receive(incoming("hola", contact="quiet", tenant=3))
        gate.set()
        assert len(await assistant.replies()) == 201
        tenants = [body["prompt_cache_key"].split(":")[0] for body in assistant.model.bodies]
        assert tenants.index("3") < 60


async def test_the_name_of_a_contact_is_kept_up_to_date(assistant: RunningAssistant) -> None:
    await assistant.receive(incoming("1", contact_name="Ana", wa_id="34600"))
    await assistant.receive(incoming("2"))
    await assistant.receive(incoming("3", contact_name="Ana María"))
    rows = await assistant.rows("select contact_name, wa_id from conversation")
    assert [tuple(row) for row in rows] == [("Ana María", "34600")]
    await assistant.wait_until_settled()


async def test_storing_and_finishing_the_same_turns_is_no_deadlock(
    assistant: RunningAssistant,
) -> None:
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    for batch in range(30):
        await assistant.receive(*(incoming(f"{batch}.{n}", f"c{n % 150}") for n in range(300)))
    await assistant.wait_until_settled()
    assert [row[0] for row in await assistant.rows(deadlocks)] == [0]
    assert await assistant.rows("select from message where turn_id is null") == []


async def test_two_replicas_answer_every_message_once_and_in_order(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    clients = [a_client(1), a_client(2, settings={"quiet_window_ms": 5})]
    sent = [incoming(str(n), f"c{n % 40}", tenant=1 + n % 2) for n in range(800)]
    async with (
        running_assistant(url, kafka.settings, *clients, slots=20) as first,
        running_assistant(url, kafka.settings, *clients, slots=20) as second,
    ):
        for batch in range(0, 800, 40):
            replica = (first, second)[batch // 40 % 2]
            await replica.receive(*sent[batch : batch + 40])
        copies = await first.replies()
    replies = list({reply.reply_id: reply for reply in copies}.values())
    answered = [wamid for reply in replies for wamid in reply.answers]
    assert sorted(answered) == sorted(event.wamid for event in sent)
    for contact in {reply.contact_id for reply in replies}:
        own = [w for reply in replies if reply.contact_id == contact for w in reply.answers]
        assert own == [event.wamid for event in sent if event.contact_id == contact]


async def test_a_conversation_of_long_messages_is_read_up_to_a_limit(
    assistant: RunningAssistant,
) -> None:
    """Fifty conversations of forty messages with 64,000 characters were 325 MB in one claim."""
    await assistant.receive(incoming("x" * 65_000))
    await assistant.wait_until_settled()
    await assistant.execute(
        "insert into message (tenant_id, conversation_id, turn_id, role, body, sent_at, trace_id)"
        " select tenant_id, conversation_id, 1, 'u', body, now(), trace_id"
        " from message, generate_series(1, 40) where role = 'u'"
    )
    gate = assistant.model.close()
    await assistant.receive(*(incoming("y" * 30_000, wamid=f"w{number}") for number in range(9)))
    await assistant.wait_for_calls(2)
    await assistant.execute("update turn set state = 0 where finished_at is null")
    rows = await assistant.rows("select id from turn where finished_at is null")
    claim = tables.TURNS.claim([rows[0].id], 99, 60.0)
    [row] = await assistant.database.transaction(lambda one: one.execute_together(claim).all())
    turn = turn_context(row)
    read = sum(len(message.body) for messages in turn.history for message in messages)
    assert read <= HISTORY_BYTES + BODY_BYTES
    assert sum(len(message.body) for message in turn.pending) <= PENDING_BYTES + BODY_BYTES
    assert len(turn.pending) == 3
    assert turn.last_message_id == turn.pending[-1].id, "the next turn takes the rest"
    gate.set()
