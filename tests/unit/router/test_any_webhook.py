"""Whatever comes in, the router goes on, and no item reaches another number."""

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.router import NUMBER, a_record, a_router

CASES = Path(__file__).parents[2] / "contract" / "payloads"
WEBHOOKS = [orjson.loads(path.read_bytes())["webhook"] for path in sorted(CASES.glob("*.json"))]
OTHER = "106540352242999"

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
Path_ = tuple[str | int, ...]


def places(value: Any, here: Path_ = ()) -> list[Path_]:
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    inside = [place for name, child in pairs for place in places(child, (*here, name))]
    return [here, *inside] if here else inside


def replaced(webhook: Any, place: Path_, value: Any) -> Any:
    changed = holder = orjson.loads(orjson.dumps(webhook))
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    return changed


@st.composite
def garbled(draw: st.DrawFn) -> Any:
    webhook = draw(st.sampled_from(WEBHOOKS))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(webhook) or [("entry",)]))
        webhook = replaced(webhook, place, draw(ANYTHING))
    return webhook


@settings(max_examples=200, deadline=None)
@given(garbled())
def test_a_webhook_with_any_value_anywhere_is_routed(webhook: Any) -> None:
    routed = a_router().router.route(a_record(orjson.dumps(webhook)))
    assert len(routed.keys) <= len(routed.records)
    assert all(
        b"\\u0000" not in (outgoing.value or b"")
        for outgoing in routed.records
        if outgoing.topic.event
    )


@settings(max_examples=100, deadline=None)
@given(garbled(), st.sampled_from(WEBHOOKS), st.booleans())
def test_no_item_of_another_number_is_routed(ours: Any, theirs: Any, first: bool) -> None:
    foreign = orjson.loads(
        orjson.dumps(theirs).replace(NUMBER.encode(), OTHER.encode()).replace(b"wamid", b"foreign")
    )
    entries = ours.get("entry") if isinstance(ours.get("entry"), list) else []
    both = foreign["entry"] + entries if first else entries + foreign["entry"]
    routed = a_router().router.route(a_record(orjson.dumps({"entry": both})))
    assert not [
        outgoing
        for outgoing in routed.records
        if outgoing.topic.event and b"foreign" in (outgoing.value or b"")
    ]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(WEBHOOKS), st.integers(0), st.binary(max_size=4))
def test_a_body_with_damaged_bytes_is_routed_or_set_aside(
    webhook: Any, place: int, damage: bytes
) -> None:
    body = orjson.dumps(webhook)
    cut = place % len(body)
    routed = a_router().router.route(a_record(body[:cut] + damage + body[cut + len(damage) :]))
    assert all(
        outgoing.topic.event or outgoing.topic.name == "webhooks.quarantine"
        for outgoing in routed.records
    )
