"""Tags and recipients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import OutgoingMedia
from common.key_rings import KeyRing
from devkit.emulators.whatsapp.validation import check_send
from sender.whatsapp.payloads import media_message, recipient, text_message
from sender.whatsapp.tag import Tags

DELIVERY = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
RING = KeyRing.fresh()


def test_a_tag_names_its_delivery_to_its_tenant_alone() -> None:
    tags = Tags(RING)
    tag = tags.make(1, DELIVERY, 3)
    assert len(tag) <= 64
    assert tags.delivery_of(1, tag) == DELIVERY
    assert tags.delivery_of(2, tag) is None
    assert Tags(KeyRing.fresh()).delivery_of(1, tag) is None


def test_a_tag_outlives_the_rotation_of_its_key() -> None:
    fresh = KeyRing.fresh()
    rotated = KeyRing(active=fresh.active, keys=RING.keys | fresh.keys)
    assert Tags(rotated).delivery_of(1, Tags(RING).make(1, DELIVERY, 1)) == DELIVERY


@given(st.text(max_size=80) | st.none())
def test_no_foreign_tag_names_a_delivery(tag: str | None) -> None:
    assert Tags(RING).delivery_of(1, tag) is None


@pytest.mark.parametrize(
    ("wa_id", "contact_id", "expected"),
    [
        ("34600111222", "ES.1", {"to": "+34600111222"}),
        ("+34600111222", "ES.1", {"to": "+34600111222"}),
        (None, "34600111222", {"to": "+34600111222"}),
        (None, "ES.ENT.1", {"recipient": "ES.ENT.1"}),
    ],
)
def test_people_are_reached_by_phone_where_there_is_one(
    wa_id: str | None, contact_id: str, expected: dict[str, str]
) -> None:
    assert recipient(wa_id, contact_id) == expected


@pytest.mark.parametrize("to", [recipient("34600111222", "ES.1"), recipient(None, "ES.1349")])
def test_the_emulator_of_graph_takes_our_messages(to: dict[str, str]) -> None:
    check_send(text_message(to, "hola", Tags(RING).make(1, DELIVERY, 1)))


@pytest.mark.parametrize(
    ("kind", "caption", "expected"),
    [
        ("image", None, {"id": "7"}),
        ("image", "Su mesa", {"id": "7", "caption": "Su mesa"}),
        ("document", None, {"id": "7", "filename": "menu.pdf"}),
        ("document", "Hoy", {"id": "7", "caption": "Hoy", "filename": "menu.pdf"}),
    ],
)
def test_a_file_is_sent_by_its_id(kind: str, caption: str | None, expected: dict[str, str]) -> None:
    media = OutgoingMedia(
        id="7", kind=kind, mime_type="application/pdf", filename="menu.pdf", caption=caption
    )
    message = media_message(recipient(None, "ES.1349"), media, "v1:tag")
    assert (message["type"], message[kind]) == (kind, expected)
    check_send(message)
