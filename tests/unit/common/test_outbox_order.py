"""Hold, skip and sweep, against a producer and a database that fail at will.

The promise: the first copies of a key's rows reach the broker in the order of their ids.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.support.components import FakeProducer

from common.held_keys import LONGEST_WAIT
from common.outbox import Outbox
from common.outbox_rows import OutboxRow
from common.service.lifecycle import Lifecycle

T = TypeVar("T")
Step = tuple[str, str]
NAMES = st.sampled_from(["write", "write", "full", "room", "sweep", "ack"])
STEPS = st.lists(st.tuples(NAMES, st.sampled_from("abc")), max_size=40)


@dataclass
class FakeDatabase:
    """Answers the outbox's two statements from a list of rows, one pass of the loop later."""

    rows: list[OutboxRow] = field(default_factory=list)

    async def transaction(self, work: Callable[[Connection], T]) -> T:
        found = work(cast(Connection, self))
        await asyncio.sleep(0)
        return found

    transaction_with_retry = transaction

    def exec_driver_sql(self, statement: str, values: dict[str, Any]) -> list[OutboxRow]:
        if "delete" in statement:
            self.rows = [row for row in self.rows if row.id not in values["ids"]]
            return []
        return [
            row
            for row in self.rows
            if row.key in values["due"] and row.id not in values["in_flight"]
        ]


@dataclass
class Scene:
    database: FakeDatabase = field(default_factory=FakeDatabase)
    producer: FakeProducer = field(default_factory=lambda: FakeProducer(hold=True))
    written: int = 0
    now: float = 0.0
    sweeping: "asyncio.Task[float | None] | None" = None

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.database, self.producer, Lifecycle("tests"), lambda: self.now)

    async def take(self, step: Step) -> None:
        name, key = step
        match name:
            case "write":
                self.write(key)
            case "full" | "room":
                self.producer.full = name == "full"
            case "sweep":
                await self.sweep()
            case "ack":
                await self.ack()

    def write(self, key: str) -> None:
        """As `add` does: the new row and what is unpublished of its key."""
        self.written += 1
        row = OutboxRow(self.written, "replies.outbound", key, str(self.written).encode(), "0" * 32)
        self.database.rows.append(row)
        self.outbox.publish([one for one in self.database.rows if one.key == key])

    async def sweep(self) -> None:
        """Returns while the answer is on its way: what follows happens in between."""
        await self.settle()
        self.now += LONGEST_WAIT
        self.sweeping = asyncio.create_task(self.outbox.sweep())
        await asyncio.sleep(0)

    async def settle(self) -> None:
        if self.sweeping:
            await self.sweeping

    async def ack(self) -> None:
        for waiting in self.producer.waiting:
            waiting.set_result(None)
        self.producer.waiting.clear()
        await asyncio.sleep(0)

    def sent(self, key: str) -> list[int]:
        return [int(value or b"0") for _, sent, value in self.producer.sent if sent == key]


async def play(steps: list[Step]) -> Scene:
    scene = Scene()
    for step in steps:
        await scene.take(step)
    scene.producer.full = False
    for _ in range(3):
        await scene.sweep()
    await scene.settle()
    return scene


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_first_copies_of_a_key_leave_in_order_and_none_is_missing(steps: list[Step]) -> None:
    scene = asyncio.run(play(steps))
    for key in "abc":
        first = list(dict.fromkeys(scene.sent(key)))
        wanted = [row.id for row in scene.database.rows if row.key == key]
        assert first == wanted
