"""Foreign JSON: a wrong shape is an absent value, never an exception."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from common.lenient_json import (
    at,
    identifier_at,
    integer_at,
    is_shallow,
    list_at,
    object_at,
    objects_at,
    parse_json,
    storable,
    text_at,
    timestamp_at,
)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"a": "\\ud83d\\ude00"}', "\U0001f600"),
        (b'{"a": "Ana \\ud83d"}', "Ana ?"),
        (b'{"a": "\\udc4d!"}', "?!"),
        (b'{"a": "\\ud83d", "b": NaN}', None),
        (b'{"a": "\\ud83d"', None),
        (b'{"a": "\\ud83d", "b": ' + b"[" * 100_000, None),
        (b'{"a": "\\ud83d", "b": 1' + b"0" * 5_000 + b"}", None),
        (b"\xff\\ud83d", None),
        (b"", None),
    ],
)
def test_half_an_emoji_costs_its_own_place_only(body: bytes, read: str | None) -> None:
    assert text_at(parse_json(body), "a") == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("1795600000", datetime(2026, 11, 25, 9, 46, 40, tzinfo=UTC)),
        (1795600000, datetime(2026, 11, 25, 9, 46, 40, tzinfo=UTC)),
        ("-1", None),
        ("1e9", None),
        ("²", None),
        ("9" * 5000, None),
        (True, None),
        (None, None),
    ],
)
def test_timestamps(given: Any, read: datetime | None) -> None:
    assert timestamp_at({"timestamp": given}, "timestamp") == read


def test_an_id_that_is_too_long_is_none_and_never_a_cut_one() -> None:
    assert identifier_at({"id": "x" * 512}, "id") == "x" * 512
    assert identifier_at({"id": "x" * 513}, "id") is None


@pytest.mark.parametrize("empty", ["", "\x00", 5, None, [], {}])
def test_an_empty_or_other_value_is_no_text(empty: Any) -> None:
    assert text_at({"a": empty}, "a") is None


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_depth(open_: str, close: str) -> None:
    def nested(depth: int) -> tuple[bytes, Any]:
        inner = "1"
        body = f"[{open_ * (depth - 1)}{inner}{close * (depth - 1)},[],[],[]]".encode()
        return body, orjson.loads(body)

    assert is_shallow(*nested(32))
    assert not is_shallow(*nested(33))


@pytest.mark.parametrize("holder", [None, 5, "text", [], {"a": 5}, {"a": {"b": "text"}}])
def test_a_path_through_anything_else_is_absent(holder: Any) -> None:
    assert at(holder, "a", "b", "c") is None
    assert list_at(holder, "a", "b", "c") == []
    assert object_at(holder, "a", "b", "c") == {}
    assert integer_at(holder, "a", "b", "c") is None


def test_a_path_leads_to_the_value_of_its_kind() -> None:
    holder = {"a": {"list": [1, {"b": 2}], "object": {"c": 3}, "number": 4, "truth": True}}
    assert at(holder, "a", "list") == [1, {"b": 2}]
    assert list_at(holder, "a", "list") == [1, {"b": 2}]
    assert objects_at(holder, "a", "list") == [{"b": 2}]
    assert object_at(holder, "a", "object") == {"c": 3}
    assert integer_at(holder, "a", "number") == 4
    assert integer_at(holder, "a", "truth") is None


def test_what_the_database_cannot_hold_is_left_out() -> None:
    assert storable("a\0b") == "ab"
    assert storable("a\ud800b") == "a?b"
    assert text_at({"a": "x\0y"}, "a", longest=1) == "x"
