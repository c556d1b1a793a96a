"""How to connect: psycopg2's arguments for the services, SQLAlchemy's engine for tenant-admin."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

DRIVER = "postgresql+psycopg2"


def driver_url(url: str) -> str:
    """postgres:// and postgresql:// are what people have; SQLAlchemy wants the driver's name."""
    return f"{DRIVER}://{address(url)}"


def address(url: str) -> str:
    """The URL without its scheme. Raises ValueError."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("DATABASE_URL must begin with postgresql://")
    return rest


def connection_arguments(url: str, service: str, schema: str) -> dict[str, Any]:
    """For psycopg2.connect. `schema`: the search path. Raises ValueError for a wrong URL."""
    return {"dsn": f"postgresql://{address(url)}", **session_arguments(service, schema)}


def session_arguments(service: str, schema: str) -> dict[str, Any]:
    options = (
        f"-c search_path={schema} -c statement_timeout=5000 -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000"
        # Statements are short and known: no compiling, and one plan whatever the values are.
        " -c jit=off -c plan_cache_mode=force_generic_plan"
        # The server's side: a session whose client is gone ends within 20 s, not after two hours.
        " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
    )
    return {
        "connect_timeout": 3,
        "application_name": service,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 8000,
        "options": options,
    }


def connect(url: str, service: str, schema: str, connections: int) -> Engine:
    """hide_parameters keeps values out of SQLAlchemy's part of an error; the server's may quote."""
    return sa.create_engine(
        driver_url(url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args=session_arguments(service, schema),
    )
