"""What every route works with: one transaction per request, its events right after the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection

from common.outbox import Outbox
from common.postgres.database import Database
from common.service.clock import Clock
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.change import Cause, Change

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """`read` looks, `apply` changes."""

    database: Database
    outbox: Outbox
    clock: Clock
    bootstrap_key: str
    failed_keys: FailedKeys
    key_ring_file: Path | None

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self.database.transaction(query)

    async def apply(self, cause: Cause, use_case: Callable[[Connection, Cause], Change[T]]) -> T:
        change = await self.database.transaction(lambda connection: use_case(connection, cause))
        self.outbox.publish(change.rows)
        return change.result


def office_of(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


AnOffice = Annotated[Office, Depends(office_of)]
