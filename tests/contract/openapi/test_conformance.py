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
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.tenant_admin import KEY, PLAZA, served

from tenant_admin.api.document import openapi

pytestmark = pytest.mark.integration
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
# Wrong keys have their own tests, and are braked here; unknown query parameters are ignored.
NOT_OURS = [ignored_auth, negative_data_rejection, positive_data_acceptance]
FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def base(new_database: NewDatabase, kafka: Broker) -> Iterator[str]:
    """The service's URL, with one client in its database."""
    database = new_database(("tenant_admin", "admin"))
    with served(database, kafka.bootstrap) as url:
        httpx.post(f"{url}/v1/clients", json=PLAZA, headers=AUTHORIZED).raise_for_status()
        yield url


def test_the_service_answers_as_its_document_says(base: str) -> None:
    schema = schemathesis.openapi.from_dict(openapi())
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
