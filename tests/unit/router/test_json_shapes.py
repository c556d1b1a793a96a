from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from router.json_shapes import identifier, is_shallow, moment, text


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
    assert moment({"timestamp": given}, "timestamp") == read


def test_an_id_that_is_too_long_is_none_and_never_a_cut_one() -> None:
    assert identifier({"id": "x" * 512}, "id") == "x" * 512
    assert identifier({"id": "x" * 513}, "id") is None


@pytest.mark.parametrize("empty", ["", "\x00", 5, None, [], {}])
def test_an_empty_or_other_value_is_no_text(empty: Any) -> None:
    assert text({"a": empty}, "a") is None


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_depth(open_: str, close: str) -> None:
    def nested(depth: int) -> tuple[bytes, Any]:
        inner = "1"
        body = f"[{open_ * (depth - 1)}{inner}{close * (depth - 1)},[],[],[]]".encode()
        return body, orjson.loads(body)

    assert is_shallow(*nested(32))
    assert not is_shallow(*nested(33))
