import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.phone_numbers import MOST_COPIED_BYTES, MOST_NUMBERS, phone_number_ids


def change(number: object) -> dict[str, object]:
    return {"field": "messages", "value": {"metadata": {"phone_number_id": number}}}


def body(*entries: list[dict[str, object]]) -> bytes:
    return orjson.dumps({"entry": [{"id": "1", "changes": changes} for changes in entries]})


def test_each_number_is_named_once_in_order() -> None:
    webhook = body([change("2"), change("1")], [change("2")], [change("3")])
    assert phone_number_ids(webhook) == ["2", "1", "3"]


def test_more_numbers_than_could_be_stored_are_none() -> None:
    assert len(phone_number_ids(body([change(str(n)) for n in range(MOST_NUMBERS)]))) == 100
    assert phone_number_ids(body([change(str(n)) for n in range(MOST_NUMBERS + 1)])) == []
    large: dict[str, object] = {"value": {"text": "x" * (3 << 20)}}
    most = [change(str(n)) for n in range(MOST_COPIED_BYTES // (3 << 20) - 1)]
    assert len(phone_number_ids(body([large, *most]))) == len(most)
    assert phone_number_ids(body([large, *most, change("a"), change("b")])) == []


def test_a_number_of_any_length_is_none() -> None:
    assert phone_number_ids(body([change("1" * 65), change("1" * 64)])) == ["1" * 64]


def test_half_an_emoji_hides_no_number() -> None:
    webhook = body([change("1"), {"value": {"contacts": [{"profile": {"name": "X"}}]}}])
    assert phone_number_ids(webhook.replace(b'"X"', b'"Ana \\ud83d"')) == ["1"]
    odd = body([change("X"), change("2")]).replace(b'"X"', b'"\\ud83d"')
    assert phone_number_ids(odd) == ["\ufffd", "2"]


def test_changes_without_a_number_do_not_hide_the_others() -> None:
    account: dict[str, object] = {
        "field": "account_update",
        "value": {"event": "ACCOUNT_RESTRICTION"},
    }
    assert phone_number_ids(body([account, change("1")])) == ["1"]


@pytest.mark.parametrize(
    "unreadable",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"\xef\xbb\xbf{}",
        b'{"entry": NaN}',
        b'{"entry":{"changes":[]}}',
        b'{"entry":["x",{"changes":"x"},{"changes":[1,{"value":[]}]}]}',
        b"[" * 100_000,
        b'{"entry":"\\ud800"}',
        body([change(7)]),
        body([change("")]),
        body([change(None)]),
    ],
)
def test_an_unreadable_body_has_no_number(unreadable: bytes) -> None:
    assert phone_number_ids(unreadable) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["entry", "changes", "value", "metadata", "phone_number_id", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_any_json_gives_distinct_texts(anything: object) -> None:
    numbers = phone_number_ids(orjson.dumps(anything))
    assert all(isinstance(number, str) and number for number in numbers)
    assert len(set(numbers)) == len(numbers)
