"""How many messages a second each number may send, and how many it has received meanwhile.

Meta counts both together. What contacts write is counted here and told to the number's pace with
its next deliveries; what no delivery took along, once a second where it is FLUSHED_FROM or more.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import structlog

from common.events import TenantConfig, TurnProgress
from common.postgres.connection import Connection, Statement
from common.postgres.database import Database
from sender.send_times import COUNT_INBOUND, LOCK_NUMBERS
from sender.tables import NumberPace

log = structlog.get_logger()
SHARE = 0.95  # of what Meta takes of a client's number: 76 of 80
FLUSH_EVERY, FLUSHED_FROM = 1.0, 10
FORGOTTEN_FROM = 100_000  # numbers


class NumberRates:
    """`tenant_of(phone_number_id)`: the number's tenant now. `usual`: sends a second of a number
    whose client sets nothing. `raised_to(digits)`: what Meta has raised a number to. Thread-safe.
    """

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        usual: float,
        database: Database,
        raised_to: Callable[[str], int | None],
    ) -> None:
        self._tenant_of, self._usual, self._database = tenant_of, usual, database
        self._raised_to = raised_to
        self._inbound: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count_inbound(self, turns: Iterable[TurnProgress]) -> None:
        """The messages of turns that are being answered, each turn once."""
        with self._lock:
            for turn in turns:
                if turn.state == "answering":
                    self._inbound[turn.phone_number_id] += turn.messages
            if len(self._inbound) > FORGOTTEN_FROM:
                self._inbound.clear()

    def paces(self, numbers: Sequence[str]) -> list[NumberPace]:
        """Of the numbers of deliveries that are stored now; messages count with the first."""
        with self._lock:
            inbound = {number: self._inbound.pop(number, 0) for number in set(numbers)}
        return [NumberPace(self.per_second(each), inbound.pop(each, 0)) for each in numbers]

    def per_second(self, number: str) -> float:
        tenant = self._tenant_of(number)
        if tenant is None:
            return self._usual
        set_by_client = tenant.settings.messages_per_second
        taken = set_by_client or self._raised_to(tenant.phone_number.removeprefix("+"))
        return taken * SHARE if taken else self._usual

    async def flush(self) -> None:
        """To be called every FLUSH_EVERY seconds."""
        with self._lock:
            many = {each: n for each, n in self._inbound.items() if n >= FLUSHED_FROM}
            for number in many:
                del self._inbound[number]
        if many:
            await self._database.transaction(lambda connection: add_inbound(connection, many))


def add_inbound(connection: Connection, inbound: dict[str, int]) -> None:
    """inbound: messages of contacts by number."""
    values = {"phone_number_id": list(inbound), "inbound": list(inbound.values())}
    statements: list[Statement] = [(LOCK_NUMBERS, values), (COUNT_INBOUND, values)]
    connection.execute_together(statements, commit=True)


def log_failed_upkeep(error: Exception) -> None:
    log.warning("pace_waits", exc_info=error)
