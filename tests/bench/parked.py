"""`python -m tests.bench.parked`: a sweep of the sender's parked statuses, as JSON.

300,000 deliveries and a million statuses of another app on the same numbers; milliseconds of wall
time per sweep, PostgreSQL beside it on the same machine.
"""

from contextlib import ExitStack
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson
import sqlalchemy as sa

from common.postgres.engine import driver_url
from common.postgres.migrate import upgrade
from devkit.check_result import show_progress
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from sender.reconcile import LONG_AGO
from sender.status_store import RECENT, take_parked

DELIVERIES, PARKED, PARKED_A_SECOND = 300_000, 1_000_000, 10
FILL = f"""
insert into delivery (tenant_id, due_at, state, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, kind, body, answers, last_inbound_at, trace_id, status, wamid,
  finished_at)
select mod(n, 1000) + 1, now(), 2, gen_random_uuid(), 'r' || n, 1, 1, 'c' || n, 'p', 'c' || n,
  'answer', repeat('x', 200), '[]', now(), repeat('0', 32), 'delivered', 'wamid.HBgL' || n, now()
from generate_series(1, {DELIVERIES}) n;
insert into early_status (tenant_id, wamid, status, status_at, parked_at)
select mod(n, 1000) + 1, 'wamid.other' || n, 'sent', now(),
  now() - make_interval(secs => n::float8 / {PARKED_A_SECOND})
from generate_series(1, {PARKED}) n;
"""


def main() -> None:
    with temporary_home() as home, ExitStack() as stack:
        postgres = LocalPostgres.start(home / "postgres", free_ports(1)[0], announce=show_progress)
        stack.callback(postgres.stop)
        upgrade(postgres.url(), "sender", "sender")
        engine = sa.create_engine(
            driver_url(postgres.url()), connect_args={"options": "-c search_path=sender"}
        )
        stack.callback(engine.dispose)
        show_progress("filling the tables")
        with engine.begin() as connection:
            connection.exec_driver_sql(FILL)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze delivery, early_status")
        result: dict[str, Any] = {"deliveries": DELIVERIES, "parked": PARKED}
        result["first_sweep_of_a_process_ms"] = milliseconds(engine, LONG_AGO)
        last_minute = datetime.now(UTC) - RECENT
        result["sweep_ms"] = [milliseconds(engine, last_minute) for _ in range(3)]
    print(orjson.dumps(result).decode())


def milliseconds(engine: sa.Engine, after: datetime) -> float:
    """Of a sweep of all portions from then on."""
    began = perf_counter()
    is_last = False
    while not is_last:
        with engine.begin() as connection:
            _, after, is_last = take_parked(connection, after)
    return round((perf_counter() - began) * 1000, 1)


if __name__ == "__main__":
    main()
