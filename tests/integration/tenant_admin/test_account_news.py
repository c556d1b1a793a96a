"""What Meta told about accounts: kept from events, read over HTTP and on the command line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from tests.support.builders import ACCOUNT, NOON, an_account_news
from tests.support.kafka import Broker
from tests.support.records import produce
from tests.support.tenant_admin import PLAZA, Admin, command, served
from tests.support.waiting import eventually_in_thread

from common.events import AccountNews
from common.topics import ACCOUNTS_EVENTS
from tenant_admin.core.account_news import record_news
from tenant_admin.core.client_health import NEWS_OF_CLIENTS

pytestmark = pytest.mark.integration
NUMBER, DIGITS = PLAZA["phone_number_id"], PLAZA["phone_number"].lstrip("+")
SECOND = timedelta(seconds=1)


async def record(admin: Admin, *events: AccountNews) -> None:
    await admin.database.transaction(lambda connection: record_news(connection, events))


async def health(admin: Admin, client: int) -> dict[str, Any]:
    answer = await admin.http.get(f"/v1/clients/{client}/health")
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def of_number(number: str = NUMBER, account: str = ACCOUNT) -> AccountNews:
    return an_account_news("number", phone_number_id=number, waba_id=account, field="messages")


def a_ban(state: str = "DISABLE", level: str = "critical", **fields: Any) -> AccountNews:
    return an_account_news("banned", level=level, detail=state, **fields)


async def test_news_of_an_account_are_of_all_its_numbers_and_of_no_others(admin: Admin) -> None:
    ours = (await admin.add())["id"]
    sister = (await admin.add(phone_number_id="22222", phone_number="+34600000002"))["id"]
    other = (await admin.add(phone_number_id="33333", phone_number="+34600000003"))["id"]
    await record(admin, a_ban())  # before any number was seen to be of it
    assert (await health(admin, ours))["problems"] == []
    await record(admin, of_number(), of_number("22222"), of_number("33333", account="9"))
    for client in (ours, sister):
        read = await health(admin, client)
        assert (read["waba_id"], read["problems"]) == (ACCOUNT, ["banned"])
    assert ((await health(admin, other))["waba_id"], (await health(admin, other))["news"]) == (
        "9",
        [],
    )


async def test_the_newest_counts_in_whatever_order_they_come(admin: Admin) -> None:
    client = (await admin.add())["id"]
    ban, end = a_ban(at=NOON), a_ban("REINSTATE", "info", at=NOON + SECOND)
    await record(admin, of_number(), end, ban)
    await record(admin, ban)
    read = await health(admin, client)
    assert (read["problems"], [news["detail"] for news in read["news"]]) == ([], ["REINSTATE"])


async def test_a_number_is_found_by_its_id_or_by_its_digits(admin: Admin) -> None:
    client = (await admin.add())["id"]
    other = (await admin.add(phone_number_id="22222", phone_number="+34600000002"))["id"]
    await record(
        admin,
        of_number("22222"),
        an_account_news("quality", level="warning", detail="FLAGGED", phone_number=DIGITS),
        an_account_news(
            "throughput", messages_per_second=1000, limit="TIER_UNLIMITED", phone_number=DIGITS
        ),
        an_account_news("error", level="warning", code=130429, phone_number_id=NUMBER),
    )
    read = await health(admin, client)
    assert sorted(read["problems"]) == ["error", "quality"]
    assert (read["quality"], read["limit"], read["messages_per_second"]) == (
        "FLAGGED",
        "TIER_UNLIMITED",
        1000,
    )
    assert (await health(admin, other))["news"] == []


async def test_what_is_over_is_no_problem_any_more(admin: Admin) -> None:
    client = (await admin.add())["id"]
    now = datetime.now(UTC)
    over, lasting = now - SECOND, now + timedelta(hours=1)
    await record(
        admin,
        of_number(),
        an_account_news("restricted", level="critical", subject="A", until=over),
        an_account_news("violation", level="warning", until=lasting),
    )
    read = await health(admin, client)
    assert (read["problems"], len(read["news"])) == (["violation"], 2)


async def test_several_of_a_kind_are_kept_beside_each_other(admin: Admin) -> None:
    client = (await admin.add())["id"]
    subjects = ("offer es", "offer pt")
    made = [an_account_news("template_status", subject=each, level="warning") for each in subjects]
    await record(admin, of_number(), *made, *made)
    read = await health(admin, client)
    assert read["problems"] == ["template_status"]
    assert sorted(news["subject"] for news in read["news"]) == [*subjects]


async def test_the_installation_sees_news_of_accounts_that_no_client_has(admin: Admin) -> None:
    await record(admin, a_ban(waba_id="9"), a_ban(waba_id="8", at=NOON + SECOND))
    answer = await admin.http.get("/v1/accounts/news", params={"limit": 1})
    assert [news["waba_id"] for news in answer.json()["items"]] == ["8"]
    everything = (await admin.http.get("/v1/accounts/news")).json()["items"]
    assert [news["waba_id"] for news in everything] == ["8", "9"]


MANY = """
insert into account_news (waba_id, phone_number_id, phone_number, what, subject, level, at)
select 'w' || n, case mod(n, 3) when 0 then n::text else '' end,
  case mod(n, 3) when 1 then n::text else '' end, 'quality', '', 'info', now()
from generate_series(1, 30000) n;
analyze account_news
"""


async def test_one_client_is_found_without_reading_all_news(admin: Admin) -> None:
    client = (await admin.add())["id"]
    await admin.database.transaction(lambda connection: connection.exec_driver_sql(MANY))

    def explain(connection: Connection) -> str:
        lines = connection.execute(sa.text(f"explain {NEWS_OF_CLIENTS}"), {"ids": [client]})
        return "\n".join(lines.scalars())

    plan = await admin.database.transaction(explain)
    assert "on account_news" in plan
    assert "Seq Scan on account_news" not in plan


async def test_a_client_that_is_not_there_is_refused(admin: Admin, url: str) -> None:
    assert (await admin.http.get("/v1/clients/77/health")).status_code == 404
    assert command("manage_clients.py", "health", "77", DATABASE_URL=url).returncode == 2


async def test_the_commands_show_who_has_a_problem(admin: Admin, url: str) -> None:
    def ran(*words: str) -> str:
        done = command("manage_clients.py", *words, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        return done.stdout

    client = (await admin.add())["id"]
    await admin.add(name="Sol", phone_number_id="22222", phone_number="+34600000002")
    assert "problems" not in ran("list")
    await record(admin, of_number(), a_ban())
    [plaza] = [line for line in ran("list").splitlines() if NUMBER in line]
    [sol] = [line for line in ran("list").splitlines() if "22222" in line]
    assert ("banned" in plaza, "banned" in sol) == (True, False)
    assert "problems" not in ran("list", "--json")
    [plaza] = [line for line in ran("health").splitlines() if PLAZA["name"] in line]
    [sol] = [line for line in ran("health").splitlines() if "Sol" in line]
    assert ("banned" in plaza, "none" in sol) == (True, True)
    assert "DISABLE" in ran("health", str(client))
    read = await health(admin, client)
    assert json.loads(ran("health", str(client), "--json")) == read
    assert json.loads(ran("health", "--json"))[0] == read


async def test_the_service_keeps_what_its_topic_says(url: str, kafka: Broker) -> None:
    words = [PLAZA[name] for name in ("name", "phone_number", "phone_number_id", "assistant_id")]
    assert command("manage_clients.py", "add", *words, DATABASE_URL=url).returncode == 0
    with served(url, kafka.settings):
        events = [(NUMBER, of_number().encode()), (ACCOUNT, a_ban().encode())]
        produce(kafka.settings, ACCOUNTS_EVENTS, events)

        def is_kept() -> bool:
            ran = command("manage_clients.py", "health", "1", "--json", DATABASE_URL=url)
            return bool(json.loads(ran.stdout)["problems"] == ["banned"])

        await eventually_in_thread(is_kept)
