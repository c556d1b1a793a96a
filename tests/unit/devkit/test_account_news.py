"""What the stand-in tells about accounts is what the router understands."""

from typing import get_args

import orjson
import pytest
from tests.support.router import a_record, a_router, plain

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.account_news import VALUES, What, account_news
from devkit.emulators.whatsapp.identities import Business
from ingress.phone_numbers import phone_number_ids

SOL = Business("Sol", "+34910000001", "106540352242922", waba_id="215589313241560")
WHAT_OF = {
    "reinstated": "banned",
    "disconnected": "access",
    "review_rejected": "review",
    "flagged": "quality",
    "name_rejected": "name",
    "template_rejected": "template_status",
    "rate_limit": "error",
}


def test_it_can_tell_everything_that_it_names() -> None:
    assert set(VALUES) == set(get_args(What))


@pytest.mark.parametrize("what", VALUES)
def test_the_router_understands_it(what: What) -> None:
    body = payloads.encode(account_news(SOL, what, 1_795_600_000.5))
    number = next(iter(phone_number_ids(body)), None)
    (news,) = [plain(each) for each in a_router().router.route(a_record(body, number)).records]
    assert (news["topic"], news["what"]) == ("accounts.events", WHAT_OF.get(what, what))
    assert news["waba_id"] == orjson.loads(body)["entry"][0]["id"]
    assert news["at"] == "2026-11-25T09:46:40Z"
