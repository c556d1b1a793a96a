"""What the sender forgets: texts a day after the end, rows after a month, nothing that is open."""

import pytest
from tests.support.fake_graph import FakeGraph
from tests.support.retention import (
    indexes_of,
    removed_by_step,
    run_retention,
    tables_without_rule,
)
from tests.support.sender import RunningSender, a_reply, a_status
from tests.support.waiting import eventually_in_thread

from common.postgres.retention import MOST_ROWS
from sender.retention_rules import retention_rules

pytestmark = pytest.mark.integration
RULES = retention_rules(rows_days=30, texts_days=1)
DELETE, EMPTY = RULES
# Parked statuses and rows of the outbox have an end of their own.
# What has rules of its own, and what an operator deletes.
KEPT = {
    "early_status",
    "conversation_state",
    "pair_pace",
    "number_pace",
    "number_account",
    "raised_number",
}
KEPT |= {"outbox", "outbox_refused", "alembic_version"}
REPLY_AND_BODY = "reply_id, body"
# A reply of two parts that ended, or are open, so many hours ago; older ones first.
ADD = """
insert into delivery (tenant_id, state, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, kind, body, answers, last_inbound_at, trace_id, status, opened_at,
  finished_at)
select 1, state, gen_random_uuid(), reply_id, part, 2, 'number:' || reply_id, 'number', 'contact',
  'answer', 'text', '[]', now(), repeat('0', 32), 'read', now() - age,
  case when state = 2 then now() - age end
from (values ('{reply_id}', 1, {first}, interval '{hours} hours'),
  ('{reply_id}', 2, {second}, interval '{hours} hours')) given(reply_id, part, state, age)
"""
DONE, BLOCKED = 2, 4


def add(sender: RunningSender, reply_id: str, hours: int, second: int = DONE) -> None:
    sender.execute(ADD.format(reply_id=reply_id, hours=hours, first=DONE, second=second))


async def run(sender: RunningSender) -> None:
    await run_retention(sender, RULES)


async def test_texts_go_a_day_after_the_end_and_rows_after_a_month(sender: RunningSender) -> None:
    for reply_id, hours in (("old", 30 * 24 + 1), ("month", 30 * 24 - 1), ("day", 25), ("new", 23)):
        add(sender, reply_id, hours)
    await run(sender)
    assert sender.rows(REPLY_AND_BODY) == [
        ("month", ""), ("month", ""), ("day", ""), ("day", ""), ("new", "text"), ("new", "text"),
    ]  # fmt: skip


async def test_what_is_open_stays_whole_and_so_do_the_parts_before_it(
    sender: RunningSender,
) -> None:
    add(sender, "open", 40 * 24, second=BLOCKED)
    await run(sender)
    assert sender.rows("part, body") == [(1, ""), (2, "text")]


async def test_a_status_whose_delivery_is_gone_changes_nothing_and_tells_nobody(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    sender.execute("update delivery set finished_at = now() - interval '31 days'")
    await run(sender)
    assert sender.rows() == []
    await sender.reply(a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    first, second = graph.sent
    await sender.status(
        a_status(first.wamid, "read", tag=first.tag), a_status(second.wamid, "read", tag=second.tag)
    )
    await eventually_in_thread(lambda: sender.statuses() == ["read"])
    read = [event.reply_id for event in sender.deliveries() if event.state == "read"]
    assert set(read) <= {"r2"}


async def test_every_table_has_a_rule_or_is_kept_on_purpose(sender: RunningSender) -> None:
    with sender.engine.begin() as connection:
        assert tables_without_rule(connection, RULES) == KEPT


async def test_a_million_rows_would_go_in_steps_that_an_index_finds(sender: RunningSender) -> None:
    sender.execute(
        ADD.format(reply_id="r", hours=800, first=DONE, second=DONE)
        + f" cross join generate_series(1, {MOST_ROWS})"
    )
    with sender.engine.begin() as connection:
        assert indexes_of(connection, DELETE) >= {"delivery_ended"}
        assert indexes_of(connection, EMPTY) == {"delivery_with_body"}
    for rule, steps in ((EMPTY, 2), (DELETE, 2)):
        for rows in [MOST_ROWS] * steps + [0]:
            with sender.engine.begin() as connection:
                assert removed_by_step(connection, rule) == rows
