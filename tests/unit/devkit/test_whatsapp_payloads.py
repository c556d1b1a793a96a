"""Webhook bodies: what only we can judge. pywa judges the rest in test_whatsapp_pywa."""

import json

import pytest
from tests.support.whatsapp_emulator import BAKERY, GARAGE, LUCIA, MARCOS, signature_of

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.identities import country_code, dialled

AT = 1_790_000_000.9


def test_times_are_strings_of_whole_seconds() -> None:
    assert payloads.text(LUCIA, "wamid.1", AT, "hola")["timestamp"] == "1790000000"


def test_the_signature_is_over_the_bytes() -> None:
    body = payloads.encode({"text": "ñ"})
    assert payloads.sign("app-secret-of-tests", body) == signature_of(body)


def test_encoded_bytes_mean_the_same() -> None:
    webhook = {"text": 'a/b \\/ ñ 🙂 "'}
    assert json.loads(payloads.encode(webhook)) == webhook


def test_a_batch_keeps_every_business_and_its_order() -> None:
    one = payloads.inbound(BAKERY, LUCIA, payloads.text(LUCIA, "wamid.1", AT, "a"))
    two = payloads.inbound(GARAGE, MARCOS, payloads.text(MARCOS, "wamid.2", AT, "b"))
    entries = payloads.batch([one, two])["entry"]
    numbers = [entry["changes"][0]["value"]["metadata"]["phone_number_id"] for entry in entries]
    assert numbers == [BAKERY.phone_number_id, GARAGE.phone_number_id]


def test_a_failed_status_has_neither_tag_nor_contacts() -> None:
    status = payloads.failed(MARCOS, "wamid.1", AT, 131026, "Undeliverable", by_phone=False)
    value = payloads.statuses(GARAGE, [], status)["entry"][0]["changes"][0]["value"]
    assert "contacts" not in value
    assert (status["recipient_user_id"], "recipient_id" in status) == (MARCOS.user_id, False)


def test_a_system_message_of_a_new_id_has_no_phone() -> None:
    message = payloads.user_changed_user_id(LUCIA, "wamid.1", AT, "ES.1")
    assert LUCIA.wa_id not in json.dumps(message)
    assert message["system"]["previous_user_id"] == "ES.1"


@pytest.mark.parametrize(
    ("phone", "code"),
    [("+34911", "34"), ("+1 202 555", "1"), ("+351 21", "351"), ("+77", "7"), ("+52 1", "52")],
)
def test_country_codes_have_one_to_three_digits(phone: str, code: str) -> None:
    assert country_code(phone) == code


@pytest.mark.parametrize(
    ("to", "wa_id"),
    [("+44 20 7946", "44207946"), ("600111222", "34600111222"), ("34600111222", "3434600111222")],
)
def test_only_a_plus_makes_a_number_international(to: str, wa_id: str) -> None:
    assert dialled(to, BAKERY) == wa_id
