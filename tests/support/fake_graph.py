"""A Graph API on loopback that answers as told and keeps every POST it was sent."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Behave = Callable[["Sent"], Awaitable[web.StreamResponse | None]]


@dataclass(frozen=True)
class Sent:
    """One POST, and the wamid that an accepting answer gives it."""

    number: str
    token: str
    body: Json
    wamid: str

    @property
    def text(self) -> str:
        return str(self.body["text"]["body"])

    @property
    def tag(self) -> str:
        return str(self.body["biz_opaque_callback_data"])


async def accept(sent: Sent) -> web.StreamResponse:
    return web.json_response({"messaging_product": "whatsapp", "messages": [{"id": sent.wamid}]})


async def lose_answer(_: Sent) -> None:
    """None: the connection is cut without a byte."""


def refuse(code: int, status: int = 400, subcode: int | None = None, **headers: str) -> Behave:
    async def answer(_: Sent) -> web.StreamResponse:
        error = {"message": f"(#{code}) No", "type": "OAuthException", "code": code}
        error |= {"error_subcode": subcode} if subcode else {}
        return web.json_response({"error": error}, status=status, headers=headers)

    return answer


async def html_503(_: Sent) -> web.StreamResponse:
    """What stands before Graph answers in its place: whether a send was taken stays open."""
    return web.Response(status=503, text="<html>Service Unavailable</html>")


MARK = Sent("", "", {}, "")


@dataclass
class FakeGraph:
    """`script`: what the next sends get, in order; then they are accepted. `outage`: what
    everything gets, marks too, until it is over."""

    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    marks: list[Json] = field(default_factory=list)
    script: list[Behave] = field(default_factory=list)
    outage: Behave | None = None
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v26.0"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        if "status" in body:
            self.marks.append(body)
            down = await self.outage(MARK) if self.outage else None
            return down or web.json_response({"success": True})
        token = request.headers["Authorization"].removeprefix("Bearer ")
        wamid = f"wamid.OUT{next(self._numbers)}"
        sent = Sent(request.match_info["number"], token, body, wamid)
        self.sent.append(sent)
        behave = self.outage or (self.script.pop(0) if self.script else accept)
        answer = await behave(sent)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(0)
            return web.Response()
        return answer

    @property
    def texts(self) -> list[str]:
        return [sent.text for sent in self.sent]

    async def open(self) -> None:
        """The first time on a free port, later on the same one."""
        application = web.Application()
        application.router.add_post("/v26.0/{number}/messages", self.answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()


@asynccontextmanager
async def fake_graph() -> AsyncIterator[FakeGraph]:
    graph = FakeGraph()
    await graph.open()
    try:
        yield graph
    finally:
        await graph.close()
