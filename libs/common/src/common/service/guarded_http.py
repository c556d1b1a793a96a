"""uvicorn's connection with the limits that it lacks, for every web server of ours.

uvicorn 0.54 with httptools takes heads, trailers and chunk extensions without end, waits for a head
or a body without end, and closes with data unread, so that its answer is lost in a reset.

One request at a time: what comes before the answer to the one before is not read, and the answer is
the connection's last (RFC 9112 9.3.2: who pipelines repeats what was not answered).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

SLICE_BYTES = 16 << 10  # is parsed before the limits are looked at again
SMALL_HEAD_BYTES = 8 << 10
CHUNK_FRAME_BYTES = 12  # size and line ends of a chunk without extensions
RETRY = b"retry-after: 1\r\n"
Phase = Literal["head", "body", "answer", "discard", "idle", "closing"]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Of one server. `connections` at once: one more ends the one that has waited longest for a
    head, and gets 503 where none does.

    A head is all of a message that is no body. While all heads together take more than
    `all_heads_bytes`, each may have 8 KiB. A body has `body_seconds`, and one more for each
    `body_rate` bytes that came. What was refused is read on, and discarded, so far.
    """

    connections: int
    head_bytes: int = 64 << 10
    all_heads_bytes: int = 16 << 20
    headers: int = 100
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_rate: int = 64 << 10
    discard_bytes: int = 16 << 20
    discard_seconds: float = 5.0
    write_seconds: float = 30.0


@dataclass(slots=True)
class AllConnections:
    """What the connections of one server share. `waiting`: for a head, the longest first."""

    waiting: "dict[GuardedProtocol, None]" = field(default_factory=dict)
    head_bytes: int = 0


class LingeringTransport:
    """A transport whose `close` is the protocol's."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self._close = close
        self.closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.closing or self._transport.is_closing()

    def close(self) -> None:
        if not self.is_closing():
            self.closing = True
            self._close()


class GuardedProtocol(HttpToolsProtocol):
    """A connection of a server. It is refused with 400, 408, 431 or 503, and then closed."""

    def __init__(
        self, *args: Any, limits: ConnectionLimits, everyone: AllConnections, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._everyone = everyone
        self._receiving: Literal["head", "body"] | None = "head"
        self._head_bytes = 0
        self._counted_bytes = 0  # of the slice that is parsed: those that are no head
        self._body_bytes = 0
        self._body_began = 0.0
        self._discarded_bytes = 0
        self._is_pipelined = False
        self._is_refused = False
        self._refusal = 400
        self._watched: Phase | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._tcp = transport
        self._lingering = LingeringTransport(transport, self._close)
        super().connection_made(cast(asyncio.Transport, self._lingering))
        if len(self.connections) > self._limits.connections:
            self._make_room()
        self._watch()

    def _make_room(self) -> None:
        oldest = next(iter(self._everyone.waiting), None)
        if oldest is not None:
            del self._everyone.waiting[oldest]
            oldest.transport.abort()
        elif len(self.connections) > 2 * self._limits.connections:
            self._tcp.abort()
        else:
            self.refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        self._everyone.waiting.pop(self, None)
        self._forget_head()
        for timer in (self._deadline, self._write_deadline):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for begin in range(0, len(data), SLICE_BYTES):
            self._receive(data[begin : begin + SLICE_BYTES])
        self._watch()

    def _receive(self, data: bytes) -> None:
        if self._lingering.closing:
            self._discard(len(data))
            return
        if self._is_pipelined:
            self.flow.pause_reading()
            return
        if self._phase() == "idle":
            self._receiving = "head"
        self._counted_bytes = 0
        super().data_received(data)
        self._count_head(max(0, len(data) - self._counted_bytes))
        if self._phase() == "discard":
            self._discard(len(data))

    def _count_head(self, size: int) -> None:
        if self._receiving is None or self._lingering.closing:
            self._forget_head()
            return
        self._head_bytes += size
        self._everyone.head_bytes += size
        is_crowded = self._everyone.head_bytes > self._limits.all_heads_bytes
        if self._head_bytes > (SMALL_HEAD_BYTES if is_crowded else self._limits.head_bytes):
            self.refuse(431)

    def _forget_head(self) -> None:
        self._everyone.head_bytes -= self._head_bytes
        self._head_bytes = 0

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > self._limits.discard_bytes:
            self._tcp.abort()

    def on_message_begin(self) -> None:
        if self._is_answering():
            self._is_pipelined = True
            self.cycle.keep_alive = False
            raise ValueError("a request before the answer to the one before")
        self._receiving = "head"
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._receiving == "body":  # a trailer is no header (RFC 9110 6.5.1)
            return
        super().on_header(name, value)
        if len(self.headers) > self._limits.headers:
            self._refusal = 431
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._receiving = "body"
        self._body_bytes = self._discarded_bytes = 0
        self._body_began = self.loop.time()

    def on_chunk_header(self) -> None:
        self._counted_bytes += CHUNK_FRAME_BYTES

    def on_body(self, body: bytes) -> None:
        self._counted_bytes += len(body)
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._receiving = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Called for everything that cannot be parsed, and for what our callbacks raise."""
        if not self._is_pipelined:
            self.refuse(self._refusal)

    def refuse(self, status: int) -> None:
        """Answers instead of the application, unless it has begun to, and closes."""
        if self._lingering.is_closing():
            return
        is_answering = self._is_answering()
        if not (self._receiving == "body" and self.cycle.response_started):
            retry = RETRY if status == 503 else b""
            end = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self._lingering.write(STATUS_LINE[status] + retry + end)
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._is_refused = True
        self._lingering.close()

    def _close(self) -> None:
        """While something of the client's may be on its way, only our side is closed: closing both
        would reset the connection, and the client would lose the answer."""
        unread = self._head_bytes or self._receiving == "body" or self._is_pipelined
        if unread or self._is_refused:
            self._tcp.write_eof()
            self.flow.resume_reading()
        else:
            self._tcp.close()
        self._watch()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _phase(self) -> Phase:
        if self._lingering.closing:
            return "closing"
        if self._receiving == "body":
            return "body" if self._is_answering() else "discard"
        if self._is_answering():
            return "answer"
        return self._receiving or "idle"

    def _watch(self) -> None:
        """Each phase has its deadline, from its begin: more bytes give no more time."""
        phase = self._phase()
        if phase == self._watched or self not in self.connections:
            return
        self._watched = phase
        if phase in ("idle", "head"):
            self._everyone.waiting.setdefault(self)
        else:
            self._everyone.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if phase != "answer":
            self._arm(self._seconds(phase))

    def _seconds(self, phase: Phase) -> float:
        match phase:
            case "head":
                return self._limits.head_seconds
            case "body":
                return self._limits.body_seconds
            case "idle":
                return self.timeout_keep_alive
            case _:
                return self._limits.discard_seconds

    def _arm(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        match self._watched:
            case "head" if self._head_bytes:
                self.refuse(408)
            case "body":
                self._late_body()
            case "idle" | "head":
                self._lingering.close()
            case _:
                self._tcp.abort()

    def _late_body(self) -> None:
        """The time in which the application did not read is not the client's."""
        rest = self._body_bytes / self._limits.body_rate - (self.loop.time() - self._body_began)
        if self.flow.read_paused or rest + self._limits.body_seconds > 0:
            self._arm(max(1.0, rest + self._limits.body_seconds))
        else:
            self.refuse(408)

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds = self._limits.write_seconds
        self._write_deadline = self.loop.call_later(seconds, self._tcp.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
