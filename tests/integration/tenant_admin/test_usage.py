"""What a client has used and sent: counted from events, read over HTTP and on the command line."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.support.builders import NOON, a_delivery, a_usage
from tests.support.kafka import Broker
from tests.support.records import produce
from tests.support.retention import run_retention
from tests.support.tenant_admin import Admin, Ran, command, served
from tests.support.waiting import eventually_in_thread

from common.events import DeliveryChanged, UsageRecorded
from common.topics import DELIVERIES_EVENTS, USAGE_EVENTS
from tenant_admin.core.retention_rules import retention_rules
from tenant_admin.core.usage_counts import count_replies, record_usage

pytestmark = pytest.mark.integration
# 06:30 of the first day in Madrid, and still November in Mexico City.
FIRST_OF_DECEMBER = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)


async def record(admin: Admin, *events: UsageRecorded) -> None:
    await admin.database.transaction(lambda connection: record_usage(connection, events))


async def count(admin: Admin, *events: DeliveryChanged) -> None:
    await admin.database.transaction(lambda connection: count_replies(connection, events))


async def usage(admin: Admin, client: int, month: str = "2026-11") -> dict[str, Any]:
    answer = await admin.http.get(f"/v1/clients/{client}/usage", params={"month": month})
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def usage_command(url: str, *words: str) -> Ran:
    return command("manage_clients.py", "usage", *words, DATABASE_URL=url)


async def test_a_month_is_its_days_and_their_sum(admin: Admin) -> None:
    client = (await admin.add())["id"]
    days = [date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1)]
    await record(admin, *(a_usage(2, tenant_id=client, day=day) for day in days))
    await record(admin, a_usage(9, tenant_id=client + 1, day=days[1]))
    read = await usage(admin, client)
    assert [day["day"] for day in read["days"]] == ["2026-11-01", "2026-11-30"]
    assert read["total"] == {
        "calls": 4,
        "unpriced_calls": 0,
        "input_tokens": 200,
        "cached_tokens": 120,
        "output_tokens": 40,
        "cost_usd": 0.005,
        "replies": 0,
    }
    assert [day["day"] for day in (await usage(admin, client, "2026-12"))["days"]] == ["2026-12-01"]


async def test_the_sums_with_more_calls_count_in_whatever_order_they_come(admin: Admin) -> None:
    client = (await admin.add())["id"]
    older, newer = (a_usage(calls, tenant_id=client, input_tokens=calls) for calls in (5, 7))
    await record(admin, newer, older)
    await record(admin, older)
    assert (await usage(admin, client))["total"]["input_tokens"] == 7


async def test_each_message_that_meta_took_is_counted_once(admin: Admin) -> None:
    client = (await admin.add())["id"]

    def state(name: str, delivery: str, number: str = "1") -> DeliveryChanged:
        given = {"tenant_id": client, "phone_number_id": number}
        return a_delivery(name, delivery_id=delivery, **given)

    parts = [state("accepted", "one"), state("accepted", "two")]
    await count(admin, *parts, state("delivered", "one"), state("rejected", "three"))
    await count(admin, *parts, state("read", "one"))
    await count(admin, state("unknown", "four"), state("suppressed", "five"))
    await count(admin, state("delivered", "four"), state("sent", "six", number="2"))
    read = await usage(admin, client)
    assert read["numbers"] == [
        {"phone_number_id": "1", "replies": 3, "free_replies": 1000},
        {"phone_number_id": "2", "replies": 1, "free_replies": 1000},
    ]
    assert (read["total"]["replies"], read["days"][0]["replies"]) == (4, 4)


async def test_each_reply_that_arrived_is_counted_once_with_metas_price(admin: Admin) -> None:
    client = (await admin.add())["id"]

    def state(name: str, delivery: str, price: str | None, **fields: Any) -> DeliveryChanged:
        given = {"tenant_id": client, "delivery_id": delivery, "pricing_type": price}
        return a_delivery(name, **{"pricing_category": price and "service"} | given | fields)

    free, regular = "free_customer_service", "regular"
    await count(admin, state("accepted", "one", None), state("sent", "one", free))
    assert (await usage(admin, client))["prices"] == {"billable": 0, "free": 0, "by_category": []}
    await count(admin, state("delivered", "one", free), state("read", "one", free))
    await count(admin, state("delivered", "one", free))  # told again
    await count(admin, state("delivered", "two", None), state("delivered", "two", regular))
    await count(admin, state("sent", "three", regular), state("failed", "three", regular))
    await count(admin, state("read", "four", "free_entry_point"))
    await count(admin, state("delivered", "five", regular, pricing_category=None))
    await count(admin, state("played", "six", regular), state("played", "seven", "of_tomorrow"))
    read = await usage(admin, client)
    assert read["prices"] == {
        "billable": 3,
        "free": 2,
        "by_category": [
            {"pricing_category": "service", "pricing_type": free, "replies": 1},
            {"pricing_category": "service", "pricing_type": "free_entry_point", "replies": 1},
            {"pricing_category": "service", "pricing_type": "of_tomorrow", "replies": 1},
            {"pricing_category": "service", "pricing_type": regular, "replies": 2},
            {"pricing_category": "unknown", "pricing_type": regular, "replies": 1},
        ],
    }
    assert read["total"]["replies"] == 7
    assert (await usage(admin, client, "2026-12"))["prices"]["billable"] == 0


async def test_a_reply_counts_on_the_day_of_the_clients_time_zone(admin: Admin) -> None:
    client = (await admin.add(settings={"timezone": "America/Mexico_City"}))["id"]
    await count(admin, a_delivery(tenant_id=client, state_at=FIRST_OF_DECEMBER))
    assert [day["day"] for day in (await usage(admin, client))["days"]] == ["2026-11-30"]


async def test_deliveries_that_no_event_names_any_more_are_forgotten(admin: Admin) -> None:
    await count(admin, a_delivery(delivery_id="old"))

    def age(connection: Any) -> None:
        connection.exec_driver_sql(
            "update counted_delivery set counted_at = now() - interval '32 d'"
        )

    await admin.database.transaction(age)
    await count(admin, a_delivery(delivery_id="new"))
    await run_retention(admin.database, retention_rules(usage_days=400))
    assert [row[0] for row in await admin.rows("select delivery_id from counted_delivery")] == [
        "new"
    ]


async def test_what_cannot_be_read_says_what_would_be_right(admin: Admin, url: str) -> None:
    assert (await admin.http.get("/v1/clients/77/usage")).status_code == 404
    client = (await admin.add())["id"]
    for month in ("2026-13", "november", "2026-1"):
        answer = await admin.http.get(f"/v1/clients/{client}/usage", params={"month": month})
        assert answer.status_code == 422
    wrong = usage_command(url, str(client), "--month", "november")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "error: month: is not a month; write it as 2026-11\n",
    )
    assert usage_command(url, "77").returncode == 2


async def test_the_command_shows_the_month_and_what_is_free_at_meta(admin: Admin, url: str) -> None:
    client = (await admin.add())["id"]
    await record(admin, a_usage(2, tenant_id=client, input_tokens=12345, unpriced_calls=1))
    price = {"pricing_type": "regular", "pricing_category": "service"}
    sent = {"tenant_id": client, "phone_number_id": "631261586727899"}
    await count(admin, a_delivery("delivered", **sent, **price))
    ran = usage_command(url, str(client), "--month", "2026-11")
    assert ran.returncode == 0
    for words in ("2026-11-25", "12,345", "$0.0025", "without a price, not in the cost: 1"):
        assert words in ran.stdout
    assert "631261586727899: 1 replies; 1,000 a month are free at Meta." in ran.stdout
    assert "Arrived: 1 billable at Meta, 0 free.\n  service, regular: 1\n" in ran.stdout
    read = json.loads(usage_command(url, str(client), "--month", "2026-11", "--json").stdout)
    assert read == await usage(admin, client)
    assert json.loads(usage_command(url, str(client), "--json").stdout)["client_id"] == client


async def test_the_service_counts_what_its_topics_say(url: str, kafka: Broker) -> None:
    added = command(
        "manage_clients.py", "add", "Sol", "+34666777888", "12345", "asst_x", DATABASE_URL=url
    )
    assert added.returncode == 0, added.stderr
    with served(url, kafka.settings):
        produce(kafka.settings, USAGE_EVENTS, [("1", a_usage(2, tenant_id=1).encode())])
        delivery = a_delivery(tenant_id=1, state_at=NOON)
        produce(kafka.settings, DELIVERIES_EVENTS, [("1", delivery.encode())])

        def is_counted() -> bool:
            ran = usage_command(url, "1", "--month", "2026-11", "--json")
            total = json.loads(ran.stdout)["total"]
            return (total["calls"], total["replies"]) == (2, 1)

        await eventually_in_thread(is_counted)
