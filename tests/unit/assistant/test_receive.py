"""The order in which a batch is stored."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import a_message

from assistant.receive import BODY_BYTES, body_of, message_columns, ordered

EVENTS = st.builds(
    lambda tenant, contact, wamid: a_message(tenant_id=tenant, contact_id=contact, wamid=wamid),
    st.integers(1, 3),
    st.sampled_from("abc"),
    st.sampled_from(["w1", "w2", "w3", "w4", "w5"]),
)


def test_a_wamid_counts_once_per_client() -> None:
    twice = [a_message("a"), a_message("b"), a_message("c", tenant_id=2)]
    assert [event.text for event in ordered(twice)] == ["a", "c"]


@given(st.lists(EVENTS, max_size=40))
def test_contacts_stand_together_each_in_the_order_of_arrival(events: list[object]) -> None:
    batch = ordered(events)  # type: ignore[arg-type]
    contacts = [(event.tenant_id, event.contact_id) for event in batch]
    assert contacts == sorted(contacts)
    assert {(e.tenant_id, e.wamid) for e in batch} == {(e.tenant_id, e.wamid) for e in events}  # type: ignore[attr-defined]
    places = [events.index(event) for event in batch]
    for contact in set(contacts):
        own = [place for place, of in zip(places, contacts, strict=True) if of == contact]
        assert own == sorted(own)


def test_what_the_database_cannot_hold_is_left_out_of_the_text() -> None:
    event = a_message("a\0b")
    assert message_columns([event])["text"] == ["ab"]


def test_a_text_is_cut_at_a_character_and_a_usual_one_is_not() -> None:
    assert body_of("\U0001f600" * 65_536) == "\U0001f600" * (BODY_BYTES // 4)
    assert body_of("x" + "\u00e9" * 65_535) == "x" + "\u00e9" * ((BODY_BYTES - 1) // 2)
    assert body_of("a" * 65_536) == "a" * 65_536
