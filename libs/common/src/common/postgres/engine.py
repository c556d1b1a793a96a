"""How to connect: psycopg2's arguments for the services, SQLAlchemy's engine for tenant-admin."""

from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy import Engine, event

from common.postgres.errors import READ_ONLY_STATE, sqlstate
from common.postgres.session_check import Watch, prepare_session, unwatched

DRIVER = "postgresql+psycopg2"


def connection_arguments(dsn: str, service: str) -> dict[str, Any]:
    """For psycopg2.connect. dsn: a URL, or what common.postgres.dsn made of one."""
    return {
        "dsn": dsn,
        "connect_timeout": 3,
        "application_name": service,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 8000,
    }


def connect(
    dsn: str, service: str, schema: str, connections: int, watch: Watch = unwatched
) -> Engine:
    """hide_parameters keeps values out of SQLAlchemy's part of an error; the server's may quote."""

    def create() -> Any:
        raw = psycopg2.connect(**connection_arguments(dsn, service))
        prepare_session(raw, schema, watch=watch)
        raw.autocommit = False
        return raw

    engine = sa.create_engine(
        f"{DRIVER}://",
        creator=create,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        hide_parameters=True,
        use_native_hstore=False,  # a question per connection that nobody needs answered
    )
    event.listen(engine, "handle_error", drop_read_only)
    return engine


def drop_read_only(context: sa.engine.ExceptionContext) -> None:
    """A server that is no longer the primary: all its connections are thrown away."""
    if sqlstate(context.original_exception) == READ_ONLY_STATE:
        context.is_disconnect = True
