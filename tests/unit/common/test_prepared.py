"""How a statement with named parameters becomes one that a connection prepares."""

import pytest

from common.postgres.prepared import Prepared


def test_each_parameter_has_one_number_and_keeps_its_cast() -> None:
    sql = "select * from t where a = any(%(ids)s::bigint[]) and b like '%%x' and c <> %(b)s::text"
    statement = Prepared(f"{sql} and d = any(%(ids)s::bigint[])")
    assert statement.text == (
        "select * from t where a = any($1::bigint[]) and b like '%x' and c <> $2::text"
        " and d = any($1::bigint[])"
    )
    assert statement.arguments == "(%(ids)s::bigint[], %(b)s::text)"


def test_without_parameters_it_is_called_without_parentheses() -> None:
    assert Prepared("select 1").arguments == ""


def test_two_statements_have_two_names_and_one_has_always_the_same() -> None:
    assert Prepared("select 1").name == Prepared("select 1").name != Prepared("select 2").name


def test_a_parameter_without_a_cast_is_refused() -> None:
    with pytest.raises(ValueError, match="parameter kept"):
        Prepared("delete from t where at < now() - %(kept)s")
