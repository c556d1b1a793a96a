"""The generator against a webhook that is told how to answer."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.loopback import serve

from devkit.loadtest.generate import Generator, Sent, client
from devkit.loadtest.plan import Endpoints, LoadPlan, LoadTenant, contacts_by_phone, schedule

TENANTS = (LoadTenant("1", "100", "token-1"), LoadTenant("2", "200", "token-2"))
SECRET = "app-secret"


def a_plan(**changes: Any) -> LoadPlan:
    defaults: dict[str, Any] = {"contacts": 2, "messages": 3, "rate": 1000.0}
    return LoadPlan(TENANTS, run=7, **(defaults | changes))


class Webhook:
    """Records the messages it was sent; `answer` gives the status for (wamid, nth copy)."""

    def __init__(self, answer: Callable[[str, int], int] = lambda wamid, nth: 200) -> None:
        self.answer = answer
        self.wamids: list[str] = []
        self.texts: list[str] = []
        self.app = Starlette(routes=[Route("/webhook", self.receive, methods=["POST"])])

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert request.headers["x-hub-signature-256"] == f"sha256={digest}"
        message = json.loads(body)["entry"][0]["changes"][0]["value"]["messages"][0]
        self.wamids.append(message["id"])
        self.texts.append(message["text"]["body"])
        return Response(status_code=self.answer(message["id"], self.wamids.count(message["id"])))


async def run(plan: LoadPlan, webhook: Webhook) -> Sent:
    with serve(webhook.app) as url:
        endpoints = Endpoints(f"{url}/webhook", SECRET, whatsapp_url="http://127.0.0.1:9")
        async with client(plan.connections) as session:
            return await Generator(session, plan, endpoints).run()


async def test_sends_every_message_once_and_in_order_within_each_conversation() -> None:
    webhook = Webhook()
    sent = await run(a_plan(), webhook)
    due = list(schedule(a_plan()))
    assert Counter(webhook.wamids) == Counter(one.wamid for one in due)
    assert {acked.token for acked in sent.acked} == {one.token for one in due}
    for contact in contacts_by_phone(a_plan()).values():
        mine = [text for text in webhook.texts if contact in text]
        assert mine == sorted(mine)


@pytest.mark.parametrize("spacing", [0.0, 0.05])
async def test_duplicates_are_posted_but_acked_once(spacing: float) -> None:
    webhook = Webhook()
    sent = await run(a_plan(duplicates=2, duplicate_spacing=spacing), webhook)
    assert set(Counter(webhook.wamids).values()) == {2}
    assert sent.posts == 2 * len(sent.acked) == 24


async def test_a_webhook_not_answered_200_is_sent_again() -> None:
    webhook = Webhook(lambda wamid, nth: 503 if nth == 1 and wamid.endswith(".0") else 200)
    sent = await run(a_plan(), webhook)
    assert len(sent.acked) == 12
    assert sent.refusals == {503: 4}


async def test_what_is_never_answered_200_is_not_acked() -> None:
    webhook = Webhook(lambda wamid, nth: 202 if wamid.endswith(".2") else 200)
    sent = await run(a_plan(retry_seconds=0.1), webhook)
    assert len(sent.acked) == 8
    assert len(sent.unacked) == 4


async def test_the_schedule_sets_the_pace() -> None:
    sent = await run(a_plan(rate=40.0), Webhook())
    assert sent.seconds >= 11 / 40
    due = sorted(acked.due_at for acked in sent.acked)
    assert [later - due[0] for later in due] == pytest.approx([n / 40 for n in range(12)], abs=1e-3)


def test_contacts_of_different_runs_and_tenants_never_coincide() -> None:
    plans = (LoadPlan(TENANTS, run=1), LoadPlan(TENANTS, run=2))
    ids = [contact for plan in plans for contact in contacts_by_phone(plan).items()]
    assert len({phone for phone, _ in ids}) == len({user for _, user in ids}) == 2 * 2 * 20
    assert all(len(phone) <= 15 for phone, _ in ids)
