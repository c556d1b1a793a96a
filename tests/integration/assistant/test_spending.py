"""Every call is paid and counted; a budget holds however many turns ask at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.assistant import (
    RunningAssistant,
    ScriptedModel,
    a_client,
    incoming,
    running_assistant,
)
from tests.support.builders import an_assistant
from tests.support.clock import FixedClock
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.records import read_events

from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from assistant.usage_reports import UsageReports
from common.events import UsageRecorded
from common.service.clock import SystemClock
from common.topics import USAGE_EVENTS

pytestmark = pytest.mark.integration
MODEL = "gpt-6-luna"
# What an expensive call uses; what is reserved for it is a little more.
CALL_TOKENS, LONGEST_ANSWER = 1200, 1000
RESERVED_TOKENS = 1900
ASSISTANT = an_assistant(model=MODEL, max_output_tokens=LONGEST_ANSWER)
USAGE = "select epoch, number, result, input_tokens, micros from usage order by epoch, number"
SPEND = """select conversation_id = 0 as whole, day, calls, unpriced_calls, tokens, micros
  from spend order by day, whole"""


def expensive(body: dict[str, Any]) -> ModelAnswer:
    return ModelAnswer("sí", Usage(MODEL, CALL_TOKENS - LONGEST_ANSWER, 0, LONGEST_ANSWER))


def spending(url: str, kafka: Broker, *clients: Any, **more: Any) -> Any:
    published = {ASSISTANT.assistant_id: ASSISTANT}
    return running_assistant(url, kafka.settings, *clients, assistants=published, **more)


async def rows(assistant: RunningAssistant, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await assistant.rows(query)]


async def test_two_hundred_turns_at_once_make_no_more_calls_than_are_paid_for(
    kafka: Broker, new_database: NewDatabase
) -> None:
    poor = a_client(settings={"daily_token_budget": 50 * CALL_TOKENS})
    model = ScriptedModel(script=[expensive] * 200)
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, poor, model=model, slots=1000) as assistant:
        gate = model.close()
        contacts = [f"contact-{number}" for number in range(200)]
        for first in range(0, 200, 20):
            batch = [incoming("hola", contact=one) for one in contacts[first : first + 20]]
            await assistant.receive(*batch)
        silent = "select count(*) from turn where reason = 'notice:budget'"
        await assistant.eventually(silent, lambda found: found[0][0] > 0)
        gate.set()
        replies = await assistant.replies()
        kinds = [reply.kind for reply in replies]
        assert 25 <= len(model.bodies) <= 50
        assert kinds.count("answer") == len(model.bodies)
        assert {reply.failure for reply in replies} == {None, "suppressed:budget"}
        [(_, _, calls, _, tokens, _)] = await rows(assistant, SPEND)
        assert (calls, tokens) == (len(model.bodies), len(model.bodies) * CALL_TOKENS)
        assert tokens <= 50 * CALL_TOKENS
        assert await rows(assistant, "select 1 from reservation") == []


async def test_each_call_of_a_superseded_turn_is_counted(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    model = ScriptedModel(script=[ModelAnswer("sí", Usage(MODEL, 1000, 0, 100))] * 4)
    async with spending(url, kafka, a_client(), model=model) as assistant:
        gate = model.close()
        for number in range(1, 5):
            await assistant.receive(incoming(str(number)))
            await assistant.wait_for_calls(number)
        gate.set()
        assert len(await assistant.replies()) == 1
        await assistant.eventually(USAGE, lambda found: len(found) == 4)
        superseded = [(epoch, 1, "superseded", 1000, 150) for epoch in (1, 3, 5)]
        assert await rows(assistant, USAGE) == [*superseded, (7, 1, "answered", 1000, 150)]
        [(whole, _, calls, unpriced, tokens, micros)] = await rows(assistant, SPEND)
        assert (whole, calls, unpriced, tokens, micros) == (True, 4, 0, 4400, 600)


async def test_calls_without_an_answer_are_counted_too(
    kafka: Broker, new_database: NewDatabase
) -> None:
    script = [
        ModelFailure("deadline", "deadline"),
        ModelFailure("incomplete:content_filter", usage=Usage(MODEL, 100, 0, 0)),
        ModelFailure("http_400:refused"),
        ModelAnswer("sí", Usage("nobody-knows-its-price", 10, 0, 5)),
    ]
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, a_client(), model=ScriptedModel(script=script)) as assistant:
        for contact in ("ann", "bob", "eva"):
            await assistant.receive(incoming("hola", contact=contact))
            await assistant.wait_until_settled()
        results = await rows(
            assistant, "select result, micros is null as unpriced from usage order by day"
        )
        assert sorted(results) == [
            ("answered", True),
            ("deadline", False),
            ("incomplete:content_filter", False),
        ]
        [(_, _, calls, unpriced, tokens, micros)] = await rows(assistant, SPEND)
        assert (calls, unpriced) == (3, 1)
        assert tokens > 115, "the input of the call without an end is estimated"
        assert micros > 0


async def test_an_answer_that_is_held_back_was_paid_all_the_same(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, a_client()) as assistant:
        gate = assistant.model.close()
        await assistant.receive(incoming("hola"))
        await assistant.wait_for_calls(1)
        await assistant.execute("update conversation set opted_out = true")
        gate.set()
        assert await assistant.replies() == []
        assert await rows(assistant, "select result from usage") == [("answered",)]


async def test_a_spent_budget_is_said_once_then_there_is_silence_until_the_next_day(
    kafka: Broker, new_database: NewDatabase
) -> None:
    """The day is the client's: 06:00 in UTC is midnight in Mexico City."""
    settings = {"daily_token_budget": RESERVED_TOKENS, "timezone": "America/Mexico_City"}
    clock = FixedClock(datetime.now(UTC).replace(hour=5, minute=59))
    model = ScriptedModel(script=[expensive, expensive])
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, a_client(settings=settings), model=model, clock=clock) as one:

        async def write(text: str) -> None:
            await one.receive(incoming(text, sent_at=clock.moment))
            await one.wait_until_settled()

        for text in ("uno", "dos", "tres"):
            await write(text)
        clock.moment += timedelta(minutes=1)
        for text in ("cuatro", "cinco"):
            await write(text)
        kinds = await rows(one, "select kind from message where role = 'a' order by id")
        assert [kind for (kind,) in kinds] == ["answer", "notice", "answer", "notice"]
        days = [day for _, day, *_ in await rows(one, SPEND)]
        assert days == [clock.moment.date() - timedelta(days=1), clock.moment.date()]
        silent = await one.outcomes()
        assert [(each.outcome, each.reason) for each in silent] == [("suppressed", "budget")]


async def test_a_contact_that_has_spent_its_budget_keeps_no_other_from_asking(
    kafka: Broker, new_database: NewDatabase
) -> None:
    settings = {"contact_daily_token_budget": RESERVED_TOKENS}
    model = ScriptedModel(script=[expensive, expensive])
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, a_client(settings=settings), model=model) as assistant:
        for text, contact in (("1", "ann"), ("2", "ann"), ("1", "bob")):
            await assistant.receive(incoming(text, contact=contact))
            await assistant.wait_until_settled()
        said = [(reply.contact_id, reply.kind) for reply in await assistant.replies()]
        assert said == [("ann", "answer"), ("ann", "notice"), ("bob", "answer")]
        scopes = [(whole, calls) for whole, _, calls, *_ in await rows(assistant, SPEND)]
        assert sorted(scopes) == [(False, 1), (False, 1), (True, 2)]


async def test_a_process_that_was_killed_leaves_no_reservation_beyond_its_lease(
    kafka: Broker, new_database: NewDatabase
) -> None:
    """What it had reserved is on the row of its claim, which nobody finishes."""
    client = a_client(settings={"daily_budget_usd": 0.01})
    url = new_database(("assistant", "assistant"))
    model = ScriptedModel()
    async with spending(url, kafka, client, model=model) as assistant:
        left = """insert into reservation (turn_id, epoch, tenant_id, conversation_id, tokens,
          micros, until) values (99, 1, 1, 1, 1, 9999, now() + interval '1 hour')"""
        await assistant.execute(left)
        await assistant.receive(incoming("uno"))
        await assistant.wait_until_settled()
        assert model.bodies == []
        await assistant.execute("update reservation set until = now()")
        await assistant.receive(incoming("dos"))
        await assistant.wait_until_settled()
        assert len(model.bodies) == 1
        assert await rows(assistant, "select 1 from reservation") == []


async def test_a_reservation_ends_within_the_lease_of_its_claim(
    kafka: Broker, new_database: NewDatabase
) -> None:
    client = a_client(settings={"monthly_token_budget": 10**6})
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, client) as assistant:
        gate = assistant.model.close()
        await assistant.receive(incoming("hola"))
        await assistant.wait_for_calls(1)
        ends = """select until <= now() + interval '40 seconds' as ends, epoch, tokens > 1000 as has
          from reservation"""
        assert await rows(assistant, ends) == [(True, 1, True)]
        gate.set()
        await assistant.wait_until_settled()
        assert await rows(assistant, "select 1 from reservation") == []


async def test_clients_without_a_budget_reserve_nothing(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, a_client()) as assistant:
        gate = assistant.model.close()
        await assistant.receive(incoming("hola"))
        await assistant.wait_for_calls(1)
        assert await rows(assistant, "select 1 from reservation") == []
        gate.set()


async def test_a_database_that_refuses_a_reservation_is_a_failed_try(
    kafka: Broker, new_database: NewDatabase
) -> None:
    client = a_client(settings={"daily_token_budget": 10**6})
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, client) as assistant:
        refuse = "alter table reservation add constraint refused check (tokens < 0)"
        await assistant.execute(refuse)
        await assistant.receive(incoming("hola"))
        await assistant.eventually("select failures from turn", lambda found: found[0][0] == 1)
        await assistant.execute("alter table reservation drop constraint refused")
        [reply] = await assistant.replies()
        assert reply.kind == "answer"


async def test_a_days_sums_are_published_when_they_have_changed(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with spending(url, kafka, a_client()) as assistant:
        await assistant.reports.publish()
        for number in range(2):
            assistant.model.script = [ModelAnswer("sí", Usage(MODEL, 1000, 0, 100))]
            await assistant.receive(incoming(str(number)))
            await assistant.wait_until_settled()
            await assistant.reports.publish()
            await assistant.reports.publish()
        after_a_restart = UsageReports(assistant.database, assistant.outbox, SystemClock())
        await after_a_restart.publish()
        await assistant.wait_until_settled()
        events = await asyncio.to_thread(read_events, kafka.settings, USAGE_EVENTS, UsageRecorded)
        told = [(each.tenant_id, each.calls, each.cost_micros) for each in events]
        assert told == [(1, 1, 150), (1, 2, 300), (1, 2, 300)]
        assert events[1].event_id == events[2].event_id
