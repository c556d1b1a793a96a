"""What Meta tells of an account stops its numbers without a call, and lets them go on."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.builders import NUMBER, an_account_news
from tests.support.fake_graph import FakeGraph, refuse
from tests.support.sender import RunningSender, a_reply, a_tenant
from tests.support.waiting import Deadline, eventually_in_thread

from common.events import AccountNews, OutcomeRecorded
from common.topics import ACCOUNTS_EVENTS

pytestmark = pytest.mark.integration
OTHER_NUMBER = "100000000000002"
ACCOUNT, OTHER_ACCOUNT = "215589313241560", "215589313241561"


def news(what: str, waba_id: str = ACCOUNT, **fields: Any) -> AccountNews:
    return an_account_news(what, **{"waba_id": waba_id, "at": datetime.now(UTC)} | fields)


async def tell(sender: RunningSender, *told: AccountNews) -> None:
    for each in told:
        key = each.phone_number_id or each.waba_id
        await sender.publish(ACCOUNTS_EVENTS, key, each)


async def know_accounts(sender: RunningSender) -> None:
    """News of another partition may come first, so this waits until they are stored."""
    await sender.add_tenant(a_tenant(2, phone_number_id=OTHER_NUMBER))
    await tell(
        sender,
        news("number", phone_number_id=NUMBER),
        news("number", OTHER_ACCOUNT, phone_number_id=OTHER_NUMBER),
    )
    known = "select 1 from number_account"
    await eventually_in_thread(lambda: len(query(sender, known)) == 2)


def query(sender: RunningSender, statement: str) -> list[tuple[Any, ...]]:
    with sender.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


async def ended_as(sender: RunningSender, reason: str | None, ids: "itertools.count[int]") -> None:
    """Replies are made until one ends for this reason: until the sender has heard the news."""
    deadline = Deadline(f"a reply that ends as {reason}")
    while (await outcome_of(sender, f"r{next(ids)}")).reason != reason:
        deadline.check()


async def outcome_of(sender: RunningSender, reply_id: str, **fields: Any) -> OutcomeRecorded:
    """Of a reply to a contact of its own."""
    await sender.reply(a_reply(reply_id, contact_id=reply_id, **fields))
    return await eventually_in_thread(
        lambda: next((each for each in sender.outcomes() if each.reply_id == reply_id), None)
    )


async def test_a_banned_account_stops_its_numbers_alone_until_it_is_reinstated(
    sender: RunningSender, graph: FakeGraph
) -> None:
    ids = itertools.count()
    await know_accounts(sender)
    await tell(sender, news("banned", level="critical"))
    await ended_as(sender, "368", ids)
    calls = len(graph.sent)
    last = await outcome_of(sender, "last")
    other = await outcome_of(sender, "other", tenant_id=2, phone_number_id=OTHER_NUMBER)
    assert (last.outcome, last.reason, other.outcome) == ("failed", "368", "answered")
    assert graph.texts[calls:] == ["answer other"]
    await tell(sender, news("banned", level="info"))
    await ended_as(sender, None, ids)


async def test_what_waits_goes_on_once_meta_says_that_it_is_over(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await know_accounts(sender)
    graph.script = [refuse(131042)] * 3
    await sender.reply(*(a_reply(f"r{each}", contact_id=f"c{each}") for each in range(3)))
    held = f"number:{NUMBER}"
    await eventually_in_thread(lambda: sender.rows("held_by") == [(held,)] * 3)
    graph.script.clear()
    await tell(sender, news("banned", level="info"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 3)


async def test_older_news_that_come_late_change_nothing(sender: RunningSender) -> None:
    await know_accounts(sender)
    first = news("banned", level="critical")
    await tell(sender, news("banned", level="info"), first)
    await sender.publish(ACCOUNTS_EVENTS, ACCOUNT, news("number", phone_number_id="3"))
    known = "select 1 from number_account where phone_number_id = '3'"
    await eventually_in_thread(lambda: query(sender, known))
    stored = f"select code, told_at > '{first.at}' from number_account where waba_id = '{ACCOUNT}'"
    assert query(sender, f"{stored} and phone_number_id = '{NUMBER}'") == [(None, True)]


async def test_a_raised_throughput_is_the_numbers_rate_and_outlives_the_process(
    sender: RunningSender,
) -> None:
    digits = a_tenant().phone_number.removeprefix("+")
    await tell(sender, news("throughput", phone_number=digits, messages_per_second=1000))
    ids, paces = itertools.count(), "select per_second from number_pace"
    while query(sender, paces) != [(950.0,)]:
        await ended_as(sender, None, ids)
    assert query(sender, "select * from raised_number") == [(digits, 1000)]
