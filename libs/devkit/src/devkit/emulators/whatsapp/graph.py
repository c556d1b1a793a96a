"""The Graph API: `POST /{version}/{phone_number_id}/messages` as plain ASGI, for its speed."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from devkit.emulators.asgi import bearer_token, read_body, respond
from devkit.emulators.whatsapp.emulator import Emulator, new_wamid
from devkit.emulators.whatsapp.errors import GraphError
from devkit.emulators.whatsapp.faults import Action, Attempt
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.emulators.whatsapp.state import GraphCall, Message
from devkit.emulators.whatsapp.validation import check_send, parsed

Json = dict[str, Any]
Answer = tuple[int, bytes]
VERSION = re.compile(r"v[0-9]+\.[0-9]+")
JSON = b"application/json; charset=UTF-8"
SUCCESS: Answer = (200, b'{"success":true}')


class Messages:
    """Answers as Meta does, unless a fault says otherwise."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = await read_body(receive)
        if self._emulator.knobs.latency:
            await asyncio.sleep(self._emulator.knobs.latency)
        path = scope["path_params"]
        call = GraphCall(
            self._emulator.clock(), path["phone_number_id"], bearer_token(scope["headers"]), raw
        )
        answer = await self._answer(call, path["version"])
        if answer is None:
            await drop(receive)
        else:
            await respond(send, *answer, JSON)

    async def _answer(self, call: GraphCall, version: str) -> Answer | None:
        """None: the connection is to be dropped."""
        try:
            if not VERSION.fullmatch(version):
                raise GraphError(2500, f"Unknown path components: /{version}")
            return await self._handle(call)
        except GraphError as refusal:
            self._emulator.state.refused.append(replace(call, code=refusal.code))
            return refusal.http_status, orjson.dumps(refusal.body())

    async def _handle(self, call: GraphCall) -> Answer | None:
        business = self._emulator.authorised(call.phone_number_id, call.token)
        body = parsed(call.raw)
        if "status" in body:
            return self._mark(business, body, call)
        check_send(body)
        if body.get("type") == "template":
            body["template"] = self._emulator.checked_template(body["template"])
        self._emulator.check_file(business, body)
        contact = self._emulator.recipient(business, body)
        attempt = attempted(business, contact, body)
        fault = self._emulator.faults.take("before_accept", attempt)
        if fault:
            return await instead(fault, None)
        message = self._accept(business, contact, body, call)
        self._emulator.report(message, self._emulator.faults.take("status", attempt))
        answer = 200, accepted(message, body)
        fault = self._emulator.faults.take("after_accept", attempt)
        return await instead(fault, answer) if fault else answer

    def _mark(self, business: Business, body: Json, call: GraphCall) -> Answer:
        if body["status"] != "read":
            raise GraphError(100, "Param status must be one of {READ}")
        self._emulator.mark(business, body, call)
        return SUCCESS

    def _accept(self, business: Business, contact: Contact, body: Json, call: GraphCall) -> Message:
        conversation = self._emulator.state.conversation(business, contact)
        self._emulator.allow(conversation, template=body.get("type") == "template")
        return self._emulator.accept(conversation, body, replace(call, wamid=new_wamid()))


async def instead(fault: Action, answer: Answer | None) -> Answer | None:
    """What the caller gets in place of `answer`."""
    if fault.error is not None:
        raise GraphError(fault.error, "", fault.subcode)
    if fault.status is not None:
        return fault.status, b""
    if fault.hang is not None:
        await asyncio.sleep(fault.hang)
        return answer
    return None


def attempted(business: Business, contact: Contact, body: Json) -> Attempt:
    text = body.get("text", {}).get("body", "")
    return Attempt(business.phone_number_id, (contact.wa_id, contact.user_id), text)


def accepted(message: Message, body: Json) -> bytes:
    contact = message.conversation.contact
    if message.by_phone:
        person = {"input": body["to"], "wa_id": contact.wa_id}
    else:
        person = {"input": body["recipient"], "user_id": contact.user_id}
    answer: bytes = orjson.dumps(
        {"messaging_product": "whatsapp", "contacts": [person], "messages": [{"id": message.wamid}]}
    )
    return answer


async def drop(receive: Receive) -> None:
    """Close the connection without a byte. ASGI has no word for it: uvicorn's request does it."""
    receive.__self__.transport.abort()  # type: ignore[attr-defined]
    while (await receive())["type"] != "http.disconnect":
        pass
