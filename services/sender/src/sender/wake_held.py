"""Makes deliveries due again whose hold is over, or whose client was changed, within seconds."""

from collections.abc import Iterable
from functools import partial

import structlog

from common.postgres.connection import SqlConnection
from common.postgres.database import Database
from sender.tables import WAKE_HELD_BY, WAKE_NUMBER, WAKE_PORTION

log = structlog.get_logger()
WAKE_EVERY = 1.0  # seconds
ROUNDS = 3  # what was put off at the very moment may be stored after the first


class WakeHeld:
    """Loop thread only. `wake` is to be called every WAKE_EVERY seconds; mostly it does nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rounds: dict[tuple[str, str], int] = {}  # statement and its key -> rounds left

    def holds_ended(self, keys: Iterable[str]) -> None:
        """See HoldKeys."""
        self._rounds |= {(WAKE_HELD_BY, key): ROUNDS for key in keys}

    def number_changed(self, phone_number_id: str) -> None:
        self._rounds[WAKE_NUMBER, phone_number_id] = ROUNDS

    async def wake(self) -> None:
        for each in list(self._rounds):
            self._rounds[each] -= 1
            while await self._database.transaction(partial(wake_portion, *each)) == WAKE_PORTION:
                pass
        self._rounds = {each: left for each, left in self._rounds.items() if left > 0}


def wake_portion(statement: str, key: str, connection: SqlConnection) -> int:
    """How many deliveries are due now."""
    return len(connection.exec_driver_sql(statement, {"key": key}).all())


def log_failed_wake(error: Exception) -> None:
    log.warning("wake_waits", exc_info=error)
