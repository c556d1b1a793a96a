"""What every route works with: one transaction per request, which sees what the request's key may
see; its events right after the commit."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import TypeAdapter
from sqlalchemy import Connection

from common.outbox import Outbox
from common.service.clock import Clock
from common.service.crash_points import CrashPoints
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.api.file_forms import FileForms
from tenant_admin.core.changes import Change, ChangeContext, UseCase
from tenant_admin.core.idempotency import IdempotencyKey, apply_once
from tenant_admin.core.own_clients import OwnClients, limit
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase
from tenant_admin.whatsapp.upload_media import MediaUploads

T = TypeVar("T")
Transaction = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Services:
    """`read` looks, `apply` changes."""

    database: SqlAlchemyDatabase
    outbox: Outbox
    clock: Clock
    bootstrap_keys: Sequence[str]
    failed_keys: FailedKeys
    key_ring_file: Path | None
    crash_points: CrashPoints
    uploads: MediaUploads
    file_forms: FileForms

    async def read(self, context: ChangeContext, query: Callable[[Connection], T]) -> T:
        def read_in(connection: Connection) -> T:
            limit(connection, clients_of(context))
            return query(connection)

        return await self.database.transaction(read_in)

    async def apply(self, context: ChangeContext, use_case: UseCase[T]) -> T:
        return await self._apply(context, use_case, self.database.transaction)

    async def apply_once(
        self,
        context: ChangeContext,
        use_case: UseCase[T],
        key: IdempotencyKey | None,
        answer: TypeAdapter[T],
    ) -> T:
        """As `apply`; with a key, a repeated request gets the first one's result."""
        if key is None:
            return await self.apply(context, use_case)
        once = partial(apply_once, use_case=use_case, key=key, answer=answer)
        return await self.apply(context, once)

    async def apply_many(self, context: ChangeContext, use_case: UseCase[T]) -> T:
        """For what one request may ask so much of that it takes long: then not the database is to
        blame, and the service stays ready."""
        return await self._apply(context, use_case, self.database.long_transaction)

    async def _apply(
        self, context: ChangeContext, use_case: UseCase[T], transaction: Transaction
    ) -> T:
        def apply_in(connection: Connection) -> Change[T]:
            limit(connection, clients_of(context))
            change = use_case(connection, context)
            self.crash_points.reached("change.recorded")
            return change

        change: Change[T] = await transaction(apply_in)
        self.outbox.publish(change.rows)
        return change.result


def clients_of(context: ChangeContext) -> OwnClients:
    return context.holder.clients if context.holder else None


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
