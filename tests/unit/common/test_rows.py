"""Columns written once: the text of arrays, and their values."""

from dataclasses import dataclass

from common.postgres.rows import arrays, names, unnest

COLUMNS = {"tenant_id": "int", "wamid": "text"}


@dataclass(frozen=True)
class Message:
    tenant_id: int
    wamid: str | None
    body: str = "not a column"


def test_names_are_in_the_order_of_the_columns_and_may_have_a_prefix() -> None:
    assert names(COLUMNS) == "tenant_id, wamid"
    assert names(COLUMNS, "d.") == "d.tenant_id, d.wamid"


def test_an_array_per_column_and_the_row_number() -> None:
    assert unnest(COLUMNS, "r") == (
        "unnest(%(tenant_id)s::int[], %(wamid)s::text[])"
        " with ordinality r(tenant_id, wamid, ordinality)"
    )


def test_values_are_read_by_attribute_and_only_those_of_columns() -> None:
    rows = [Message(1, "a"), Message(2, None)]
    assert arrays(COLUMNS, rows) == {"tenant_id": [1, 2], "wamid": ["a", None]}
    assert arrays(COLUMNS, []) == {"tenant_id": [], "wamid": []}
