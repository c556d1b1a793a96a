"""What does a client cost? From its contacts' messages to the command that tells."""

import json

import pytest
from tests.support.system import RunningSystem, a_contact
from tests.support.waiting import eventually_async

MANAGE_CLIENTS = "scripts/manage_clients.py"
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_answered_messages_show_in_the_clients_usage(system: RunningSystem) -> None:
    client, other = await system.add_client(), await system.add_client()
    for _ in range(3):
        outcome = await system.write_and_wait(client.number, a_contact())
        assert outcome.outcome == "answered"

    async def is_shown() -> bool:
        shown = await system.run_script(MANAGE_CLIENTS, "usage", str(client.id), "--json")
        total = json.loads(shown)["total"]
        return (total["calls"], total["replies"]) == (3, 3) and total["cost_usd"] > 0

    await eventually_async(is_shown, "three calls and three replies", pause=1.0)
    shown = await system.run_script(MANAGE_CLIENTS, "usage", str(client.id))
    assert f"Number {client.number}: 3 replies; 1,000 a month are free at Meta." in shown
    assert (
        json.loads(await system.run_script(MANAGE_CLIENTS, "usage", str(other.id), "--json"))[
            "days"
        ]
        == []
    )


async def test_a_client_that_has_spent_its_budget_says_so_once(system: RunningSystem) -> None:
    client, contact = await system.add_client(daily_token_budget=1), a_contact()
    outcomes = [await system.write_and_wait(client.number, contact) for _ in range(2)]
    assert {(each.outcome, each.reason) for each in outcomes} == {("suppressed", "budget")}
    [said] = await system.chat.replies(client.number, contact)
    assert "lo antes posible" in said
