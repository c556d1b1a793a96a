"""What every route works with: one transaction per request, its events right after the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection

from common.outbox import Outbox
from common.service.clock import Clock
from common.service.crash_points import CrashPoints
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.api.file_forms import FileForms
from tenant_admin.core.changes import Change, ChangeContext
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase
from tenant_admin.whatsapp.upload_media import MediaUploads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """`read` looks, `apply` changes."""

    database: SqlAlchemyDatabase
    outbox: Outbox
    clock: Clock
    bootstrap_key: str
    failed_keys: FailedKeys
    key_ring_file: Path | None
    crash_points: CrashPoints
    uploads: MediaUploads
    file_forms: FileForms

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self.database.transaction(query)

    async def apply(
        self, context: ChangeContext, use_case: Callable[[Connection, ChangeContext], Change[T]]
    ) -> T:
        def apply_in(connection: Connection) -> Change[T]:
            change = use_case(connection, context)
            self.crash_points.reached("change.recorded")
            return change

        change = await self.database.transaction(apply_in)
        self.outbox.publish(change.rows)
        return change.result


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
