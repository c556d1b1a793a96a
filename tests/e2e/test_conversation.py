"""What a conversation remembers, and what it knows of the business's clock."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.system import RunningSystem, a_contact

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
SILENT_MESSAGES = 40


async def asked_of_model(system: RunningSystem, text: str) -> str:
    """What the model was sent with a message that holds the text, newest last."""
    return json.dumps((await system.prompts(text))[-1]["body"], ensure_ascii=False)


async def test_forty_silent_messages_later_the_model_still_knows_the_name(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(), a_contact()
    await system.write_and_wait(client.number, contact, "Me llamo Eulalia")
    await system.write_and_wait(client.number, contact, "STOP")
    silent = [
        await system.write(client.number, contact, f"nadie contesta {number}")
        for number in range(SILENT_MESSAGES)
    ]
    outcomes = [await system.events.wait_for_outcome(wamid) for wamid in silent]
    assert {(each.outcome, each.reason) for each in outcomes} == {("suppressed", "opted_out")}
    await system.write_and_wait(client.number, contact, "ALTA")
    await system.write_and_wait(client.number, contact, "¿Recuerda mi nombre?")
    asked = await asked_of_model(system, "¿Recuerda mi nombre?")
    assert "Me llamo Eulalia" in asked
    assert "nadie contesta" not in asked, "what nobody answered is no history"


async def test_a_bar_that_closes_at_two_is_open_after_midnight(system: RunningSystem) -> None:
    zone, weekday = zone_after_midnight(datetime.now(UTC))
    yesterday = {"weekday": weekday, "opens": "20:00", "closes": "02:00"}
    settings: dict[str, Any] = {"timezone": zone, "business_hours": [yesterday]}
    client = await system.add_client(**settings, closed_text="Hemos cerrado.", disclosure_text="")
    contact = a_contact()
    await system.write_and_wait(client.number, contact, "¿Siguen abiertos?")
    assert "Right now the business is open" in await asked_of_model(system, "¿Siguen abiertos?")
    assert "Hemos cerrado." not in await system.chat.reply(client.number, contact)


def zone_after_midnight(now: datetime) -> tuple[str, int]:
    """A time zone where it is between midnight and a quarter to two, and the weekday before."""
    hours = (1 if now.minute < 45 else 0) - now.hour
    hours = hours + 24 if hours < -12 else hours
    local = now + timedelta(hours=hours)
    sign = "-" if hours >= 0 else "+"  # Etc/GMT-2 is east of Greenwich
    return f"Etc/GMT{sign}{abs(hours)}", (local - timedelta(days=1)).isoweekday()
