"""How fast a number may send, and what its contacts wrote meanwhile."""

from typing import cast

from tests.support.builders import NUMBER, a_progress
from tests.support.sender import a_tenant

from common.postgres.database import Database
from sender.number_rates import NumberRates
from sender.tables import NumberPace

NO_DATABASE = cast("Database", None)
SLOW = a_tenant(phone_number_id="slow", settings={"messages_per_second": 20})


def rates() -> NumberRates:
    tenants = {NUMBER: a_tenant(), "slow": SLOW}
    return NumberRates(tenants.get, 76.0, NO_DATABASE)


def test_a_clients_own_rate_goes_before_the_usual_one() -> None:
    assert [rates().per_second(number) for number in (NUMBER, "slow", "unknown")] == [76, 19, 76]


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
