"""How fast a number may send, and what its contacts wrote meanwhile."""

from typing import cast

from tests.support.builders import NUMBER, a_progress
from tests.support.sender import a_tenant

from common.postgres.database import Database
from sender.number_rates import NumberRates
from sender.tables import NumberPace

NO_DATABASE = cast("Database", None)
TENANTS = {
    NUMBER: a_tenant(),
    "slow": a_tenant(
        phone_number_id="slow", phone_number="+34911000002", settings={"messages_per_second": 20}
    ),
    "raised": a_tenant(phone_number_id="raised", phone_number="+34911000003"),
}
RAISED = {"34911000002": 1000, "34911000003": 1000}


def rates() -> NumberRates:
    return NumberRates(TENANTS.get, 76.0, NO_DATABASE, RAISED.get)


def test_a_clients_own_rate_goes_before_what_meta_told_and_that_before_the_usual_one() -> None:
    numbers = (NUMBER, "slow", "raised", "unknown")
    assert [rates().per_second(number) for number in numbers] == [76, 19, 950, 76]


def test_messages_of_contacts_travel_once_with_the_next_delivery_of_their_number() -> None:
    counted = rates()
    counted.count_inbound([a_progress(messages=2), a_progress(messages=1)])
    counted.count_inbound([a_progress("still_answering", messages=2), a_progress("recorded")])
    assert counted.paces([NUMBER, "slow", NUMBER]) == [
        NumberPace(76.0, 3),
        NumberPace(19.0, 0),
        NumberPace(76.0, 0),
    ]
    assert counted.paces([NUMBER]) == [NumberPace(76.0, 0)]


async def test_a_trickle_costs_no_statement() -> None:
    counted = rates()
    counted.count_inbound([a_progress() for _ in range(9)])
    await counted.flush()  # there is no database
    assert counted.paces([NUMBER]) == [NumberPace(76.0, 9)]
