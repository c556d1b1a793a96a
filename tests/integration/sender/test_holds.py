"""What is refused for a whole number or token: few calls, nobody else waits, and it goes on."""

import pytest
from tests.support.builders import NUMBER
from tests.support.fake_graph import FakeGraph, refuse
from tests.support.sender import RunningSender, a_reply, a_tenant
from tests.support.waiting import eventually_in_thread

from common.events import ReplyReady
from common.sealed import seal
from sender.tables import WAKE_HELD_BY, WAKE_NUMBER
from sender.wake_held import wake_portion

pytestmark = pytest.mark.integration
OTHER_NUMBER = "100000000000002"


def replies_to(contacts: int, **fields: str) -> list[ReplyReady]:
    phones = [f"346000{number:05}" for number in range(contacts)]
    return [a_reply(f"r{each}", contact_id=each, wa_id=each, **fields) for each in phones]


async def add_other_client(sender: RunningSender) -> None:
    own = seal(sender.ring, 2, "access_token", "token-of-two")
    await sender.add_tenant(a_tenant(2, phone_number_id=OTHER_NUMBER, access_token=own))


def held(sender: RunningSender, key: str) -> int:
    return [row[0] for row in sender.rows("held_by")].count(key)


async def test_a_dead_token_stops_calls_for_its_clients_alone(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await add_other_client(sender)
    graph.script = [refuse(190, 401)]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: sender.rows("reason") == [("190",)])
    await sender.reply(a_reply("r2", contact_id="34600333444"))
    await eventually_in_thread(lambda: sender.rows("reason")[1:] == [("held:190",)])
    await sender.reply(a_reply("other", tenant_id=2, phone_number_id=OTHER_NUMBER))
    await eventually_in_thread(lambda: len(graph.sent) == 2)
    assert graph.texts == ["answer r1", "answer other"]
    await sender.add_tenant(a_tenant(revision=2))  # tried at once, and its success wakes the rest
    await eventually_in_thread(lambda: len(sender.outcomes()) == 3)
    assert len(graph.sent) == 4


async def test_a_number_over_its_throughput_is_called_a_few_times_not_once_for_each_contact(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(130429, 400, None, **{"Retry-After": "30"})] * 40
    await sender.reply(*replies_to(40))
    key = f"number:{NUMBER}"
    await eventually_in_thread(lambda: held(sender, key) == 40)
    assert len(graph.sent) <= 20  # what was under way when the first answer came
    graph.script.clear()
    await sender.add_tenant(a_tenant(revision=2))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 40)
    assert sender.rows("refusals, error_code") == [(0, None)] * 40


async def test_a_number_or_token_that_do_not_fit_wait_for_their_operator(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(100, subcode=33)] * 2
    await sender.reply(a_reply("r1"))
    for calls, revision in ((1, 2), (2, 3)):
        await eventually_in_thread(lambda calls=calls: len(graph.sent) == calls)  # type: ignore[misc]
        await eventually_in_thread(lambda: sender.rows("reason") == [("100",)])
        await sender.add_tenant(a_tenant(revision=revision))
    [outcome] = await eventually_in_thread(sender.outcomes)
    assert (outcome.outcome, len(graph.sent)) == ("answered", 3)


async def test_what_meta_forbids_is_not_tried_again(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await add_other_client(sender)
    graph.script = [refuse(131031, 403)]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    await sender.reply(*replies_to(3), a_reply("o", tenant_id=2, phone_number_id=OTHER_NUMBER))
    outcomes = await eventually_in_thread(lambda: len(sender.outcomes()) == 5 and sender.outcomes())
    assert sorted((each.outcome, each.reason or "") for each in outcomes) == [
        ("answered", ""),
        *[("failed", "131031")] * 4,
    ]
    assert len(graph.sent) == 2


async def test_an_older_answer_that_graph_cannot_take_does_not_hold_up_the_next(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131000, 500)] * 8
    await sender.reply(a_reply("r1"), a_reply("r2"))
    await eventually_in_thread(lambda: sender.rows("refusals > 0")[:1] == [(True,)])
    sender.execute("update delivery set refused_at = now() - interval '61 s' where refusals > 0")
    outcomes = await eventually_in_thread(
        sender.hurried(lambda: len(sender.outcomes()) == 2 and sender.outcomes())
    )
    assert (outcomes[0].outcome, outcomes[0].reason) == ("failed", "131000")
    assert graph.texts[0] == "answer r1"
    assert len(graph.texts) <= 3 + 6


async def test_a_held_delivery_that_is_accepted_wakes_the_others_whichever_replica_held_it(
    sender: RunningSender, graph: FakeGraph
) -> None:
    """As after a restart: no hold is in memory, and the rows wait for their look."""
    graph.script = [refuse(131042)] * 3  # one, and what was under way when its answer came
    await sender.reply(*replies_to(3))
    await eventually_in_thread(lambda: held(sender, f"number:{NUMBER}") == 3)
    graph.script.clear()
    sender.execute("update delivery set held_by = 'number:of another replica'")
    await sender.add_tenant(a_tenant(revision=2))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 3)


HELD = """insert into delivery (tenant_id, due_at, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, kind, body, answers, last_inbound_at, trace_id, held_by)
select 1, now() + interval '1 hour', gen_random_uuid(), n::text, 1, 1, n::text, %(number)s, n::text,
  'answer', 'x', '[]', now(), 't', 'token:' || %(number)s from generate_series(1, %(many)s) n"""


@pytest.mark.parametrize(
    ("statement", "key"), [(WAKE_NUMBER, OTHER_NUMBER), (WAKE_HELD_BY, f"token:{OTHER_NUMBER}")]
)
async def test_what_waits_is_woken_in_portions_by_an_index(
    sender: RunningSender, statement: str, key: str
) -> None:
    """In a transaction that is not committed: the sender sees nothing of it."""
    with sender.engine.connect() as connection:
        for number, many in ((OTHER_NUMBER, 2500), (NUMBER, 20_000)):
            connection.exec_driver_sql(HELD, {"number": number, "many": many})
        connection.exec_driver_sql("analyze delivery")
        plan = connection.exec_driver_sql(f"explain {statement}", {"key": key}).scalars().all()
        assert "delivery_held" in "".join(plan)
        assert [wake_portion(statement, key, connection) for _ in range(4)] == [1000, 1000, 500, 0]
