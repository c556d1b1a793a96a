"""What a conversation is told once, and the guard against another machine, in the database."""

import pytest
from tests.support.assistant import RunningAssistant, a_client, incoming, running_assistant
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase

from assistant.turn_context import BUSY_TURNS

pytestmark = pytest.mark.integration
SHUT = [{"weekday": 1, "opens": "00:00", "closes": "00:01"}]
TELLS = a_client(
    settings={"disclosure_text": "An AI answers.", "business_hours": SHUT, "closed_text": "Closed."}
)


async def answer(assistant: RunningAssistant, *texts: str) -> list[str]:
    for text in texts:
        await assistant.receive(incoming(text))
        await assistant.wait_until_settled()
    return [reply.text for reply in await assistant.replies()]


async def test_a_conversation_is_told_once_that_an_ai_answers_and_that_it_is_closed(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, TELLS) as assistant:
        replies = await answer(assistant, "uno", "dos")
        assert replies == ["An AI answers.\n\nClosed.\n\necho uno", "echo dos"]
        assert await assistant.rows("select body from message where role = 'a' order by id") == [
            ("echo uno",),
            ("echo dos",),
        ]
        evidence = "select from conversation where disclosed_at is not null"
        assert len(await assistant.rows(evidence)) == 1
        await assistant.execute(
            "update conversation set closed_text_at = now() - interval '8 days'"
        )
        assert (await answer(assistant, "tres"))[-1] == "Closed.\n\necho tres"


async def test_a_machine_that_repeats_itself_gets_no_more_replies(
    assistant: RunningAssistant,
) -> None:
    for number in range(6):
        again = incoming("Gracias, le contestaremos").model_copy(update={"wamid": f"w{number}"})
        await assistant.receive(again)
        await assistant.wait_until_settled()
    assert len(await assistant.replies()) == 3
    outcomes = await assistant.outcomes()
    assert {(each.outcome, each.reason) for each in outcomes} == {("suppressed", "loop")}
    assert len(outcomes) == 3
    assert len(await answer(assistant, "¿hay alguien?")) == 3, "for an hour"
    await assistant.execute("update conversation set loop_until = now() - interval '1 s'")
    assert (await answer(assistant, "¿y ahora?"))[-1] == "echo ¿y ahora?"


async def test_more_answers_than_a_person_reads_stop_too(assistant: RunningAssistant) -> None:
    await answer(assistant, "hola")
    await assistant.execute(
        "insert into message (tenant_id, conversation_id, turn_id, role, kind, body, sent_at,"
        " trace_id) select tenant_id, conversation_id, turn_id - number, 'a', 'answer', 'x',"
        f" now(), trace_id from message, generate_series(1, {BUSY_TURNS - 1}) number"
        " where role = 'a'"
    )
    assert len(await answer(assistant, "uno")) == 2
    assert len(await answer(assistant, "dos")) == 2
    assert [each.reason for each in await assistant.outcomes()] == ["loop"]
