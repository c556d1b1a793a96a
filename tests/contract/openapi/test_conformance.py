"""Generated requests, right and wrong, against the running service: it answers as documented."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.tenant_admin import KEY, PLAZA, served

from common.postgres.engine import connect
from tenant_admin.api.document import openapi

pytestmark = pytest.mark.integration
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
# Wrong keys have their own tests, and are braked here. A document cannot say all that a value must
# be: a time zone that exists, a moment within two years.
NOT_OURS = [ignored_auth, positive_data_acceptance]
FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


EMPTY = "truncate clients, assistant, api_key, idempotent_request restart identity cascade"


@pytest.fixture
def database(new_database: NewDatabase) -> str:
    return new_database(("tenant_admin", "admin"))


@pytest.fixture
def base(database: str, kafka: Broker) -> Iterator[str]:
    """The service's URL, with one client in its database."""
    with served(database, kafka.settings) as url:
        httpx.post(f"{url}/v1/clients", json=PLAZA, headers=AUTHORIZED).raise_for_status()
        yield url


@pytest.fixture
def schema() -> BaseSchema:
    return schemathesis.openapi.from_dict(openapi())


def test_the_service_answers_as_its_document_says(base: str, schema: BaseSchema) -> None:
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert len(operations) == sum(len(methods) for methods in openapi()["paths"].values())
    for operation in operations:
        for mode in GenerationMode:
            assert_conforms(operation.as_strategy(generation_mode=mode), base)


def assert_conforms(cases: SearchStrategy[Any], base: str) -> None:
    @FEW
    @given(cases)
    def answers(case: Any) -> None:
        case.call_and_validate(base_url=base, headers=AUTHORIZED, excluded_checks=NOT_OURS)

    answers()


def test_it_does_so_for_what_was_made_before(base: str, database: str, schema: BaseSchema) -> None:
    """One request's answer gives the next one its ids: made, changed, deleted, asked for again."""
    engine = connect(database, "tests", "admin", 1)
    requests = 0

    class Requests(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            with engine.begin() as connection:
                connection.exec_driver_sql(EMPTY)

        def get_call_kwargs(self, _: Any) -> dict[str, Any]:
            nonlocal requests
            requests += 1
            return {"base_url": base, "headers": AUTHORIZED | {"If-Match": "*"}}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            # The headers are ours, and make a wrong request right.
            excluded = [*NOT_OURS, negative_data_rejection]
            case.validate_response(response, excluded_checks=excluded, recorder=self.recorder)

    Requests.run(settings=settings(FEW, max_examples=12, stateful_step_count=8))
    assert requests > 50
