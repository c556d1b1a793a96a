"""What the assistant forgets, and that nothing which is forgotten is answered again."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.assistant import RunningAssistant, incoming, ordered
from tests.support.retention import (
    indexes_of,
    removed_by_step,
    run_retention,
    tables_without_rule,
)

from assistant.retention_rules import retention_rules
from common.postgres.connection import Connection
from common.postgres.retention import MOST_ROWS

pytestmark = pytest.mark.integration
MONTH = retention_rules(rows_days=30, texts_days=30, usage_days=400)
WEEK = retention_rules(rows_days=30, texts_days=7, usage_days=400)
BODIES = "select body from message order by id"
# All that was stored so far.
AGE = """
update message set created_at = now() - interval '{0} days';
update turn set finished_at = now() - interval '{0} days' where finished_at is not null
"""
CALL = """insert into usage (turn_id, tenant_id, day, model, input_tokens, cached_tokens,
  output_tokens) values ({0}, 1, current_date - {0}, 'm', 1, 0, 1)"""
SPENT = "insert into spend (tenant_id, conversation_id, day) values (1, {1}, current_date - {0})"
OLD_SUM = "insert into usage_of_day values (1, current_date - {0}, 5)"
COMMAND = "insert into applied_command values (1, 'c{0}', now() - interval '{0} days')"
WAMID = """insert into reply_wamid values (1, 'wamid.{0}', gen_random_uuid(),
  now() - interval '{0} days')"""
RESERVATION = """insert into reservation values ({0}, 1, 1, 1, 1, 1, now() - interval '{0} days')"""
# A row that goes and one that stays, by its days and the statement that adds it.
ROWS = {
    "usage": (401, 399, CALL),
    "spend": (401, 399, SPENT.replace("{1}", "0")),
    "usage_of_day": (401, 399, OLD_SUM),
    "applied_command": (31, 29, COMMAND),
    "reply_wamid": (31, 29, WAMID),
    "reservation": (2, 0, RESERVATION),
}
# An opt-out must outlive everything; rows of the outbox go with their publication.
KEPT = {"conversation", "contact_alias", "outbox", "outbox_refused", "alembic_version"}
INDEXES = {
    "message": "message_ended",
    "message_text": "message_with_text",
    "turn": "turn_ended",
    "applied_command": "applied_command_at",
    "reply_wamid": "reply_wamid_stored_at",
    "usage": "usage_day",
    "usage_of_day": "usage_of_day_day",
    "spend": "spend_day",
}


async def talk(assistant: RunningAssistant, *texts: str) -> None:
    """Each is answered before the next."""
    for text in texts:
        await assistant.receive(incoming(text))
        await assistant.wait_until_settled()


async def bodies(assistant: RunningAssistant) -> list[str]:
    return [row.body for row in await assistant.rows(BODIES)]


async def count(assistant: RunningAssistant, table: str) -> int:
    return int((await assistant.rows(f"select count(*) from {table}"))[0][0])


async def test_ended_messages_and_turns_go_after_a_month_and_the_contact_stays_known(
    assistant: RunningAssistant,
) -> None:
    await talk(assistant, "old", "STOP", "START")
    await assistant.execute(AGE.format(31))
    await talk(assistant, "new")
    await run_retention(assistant.database, MONTH)
    assert await bodies(assistant) == ["new", "echo new"]
    assert await count(assistant, "turn") == 1
    assert await count(assistant, "conversation") == await count(assistant, "contact_alias") == 1


async def test_an_opt_out_outlives_all_messages(assistant: RunningAssistant) -> None:
    await talk(assistant, "hola", "STOP")
    await assistant.execute(AGE.format(31))
    await run_retention(assistant.database, MONTH)
    assert await bodies(assistant) == []
    calls = len(assistant.model.bodies)
    await talk(assistant, "is anybody there?")
    assert len(assistant.model.bodies) == calls
    last = max(await assistant.outcomes(), key=lambda each: each.occurred_at)
    assert (last.outcome, last.reason) == ("suppressed", "opted_out")


async def test_what_waits_for_its_answer_stays_whole_however_old(
    assistant: RunningAssistant,
) -> None:
    await talk(assistant, "hola")
    await assistant.order(ordered("take_over", minutes=600))
    await assistant.receive(incoming("and now?"))
    await assistant.wait_until_put_off()
    await assistant.execute(
        AGE.format(90) + "; update turn set opened_at = now() - interval '90 days'"
    )
    await run_retention(assistant.database, WEEK)
    assert await bodies(assistant) == ["and now?"]
    assert await count(assistant, "turn") == 1


async def test_emptied_texts_are_no_history_and_their_wamids_are_still_known(
    assistant: RunningAssistant,
) -> None:
    await talk(assistant, "my secret")
    await assistant.order(ordered("say", text="a person's secret"), ordered("resume"))
    await assistant.execute(AGE.format(8) + "; update message set media = '{}'")
    await run_retention(assistant.database, WEEK)
    assert await bodies(assistant) == ["", "", ""]
    assert await count(assistant, "message where media is not null") == 0
    await talk(assistant, "my secret", "hola")
    contents = [item["content"] for item in assistant.model.bodies[-1]["input"]]
    assert len(assistant.model.bodies) == 2  # the first copy was answered, the second was known
    assert contents[-1] == "hola"
    assert not any("secret" in content or content == "" for content in contents)


async def test_a_message_that_comes_again_after_its_row_is_gone_is_not_answered(
    assistant: RunningAssistant,
) -> None:
    await talk(assistant, "hola")
    await assistant.execute(AGE.format(31))
    await run_retention(assistant.database, MONTH)
    long_ago = datetime.now(UTC) - timedelta(days=31)
    await assistant.receive(incoming("hola", sent_at=long_ago))
    assert len(await assistant.replies()) == 1
    assert len(assistant.model.bodies) == 1


@pytest.mark.parametrize("table", ROWS)
async def test_of_each_other_table_what_is_older_goes_and_what_is_younger_stays(
    assistant: RunningAssistant, table: str
) -> None:
    older, younger, statement = ROWS[table]
    await assistant.execute(f"{statement.format(older)}; {statement.format(younger)}")
    await run_retention(assistant.database, MONTH)
    assert await count(assistant, table) == 1
    await assistant.execute(f"delete from {table}; {statement.format(older)}")
    await run_retention(assistant.database, MONTH)
    assert await count(assistant, table) == 0


async def test_every_table_has_a_rule_or_is_kept_on_purpose(assistant: RunningAssistant) -> None:
    found = await assistant.database.transaction(
        lambda connection: tables_without_rule(connection, MONTH)
    )
    assert found == KEPT


async def test_what_is_old_is_found_by_an_index(
    assistant: RunningAssistant,
) -> None:
    def used(connection: Connection) -> dict[str, set[str]]:
        rules = [rule for rule in MONTH if rule.name != "reservation"]
        return {rule.name: indexes_of(connection, rule) for rule in rules}

    found = await assistant.database.transaction(used)
    assert found == {name: {index} for name, index in INDEXES.items()}


async def test_many_messages_go_in_small_steps(assistant: RunningAssistant) -> None:
    await talk(assistant, "hola")
    await assistant.execute(
        "insert into message (tenant_id, conversation_id, turn_id, role, body, sent_at, trace_id)"
        " select tenant_id, conversation_id, turn_id, role, body, sent_at, trace_id from message"
        f" cross join generate_series(1, {MOST_ROWS})"
    )
    await assistant.execute(AGE.format(31))
    rule = MONTH[0]
    steps = [
        await assistant.database.transaction(lambda connection: removed_by_step(connection, rule))
        for _ in range(4)
    ]
    assert steps == [MOST_ROWS, MOST_ROWS, 2, 0]
