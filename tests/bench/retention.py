"""`python -m tests.bench.retention`: the sender's retention among a million deliveries, as JSON.

Milliseconds of wall time per step, PostgreSQL beside it on the same machine: with nothing to do,
then with a tenth of the rows to delete and the texts of another tenth to empty.
"""

from contextlib import ExitStack
from time import perf_counter
from typing import Any

import orjson
import sqlalchemy as sa
from tests.support.postgres import driver_url

from common.postgres.migrate import upgrade
from common.postgres.retention import MOST_ROWS, RetentionRule, remove
from devkit.check_result import show_progress
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from sender.retention_rules import retention_rules

DELIVERIES = 1_000_000
FILL = f"""
insert into delivery (tenant_id, due_at, state, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, kind, body, answers, last_inbound_at, trace_id, status, wamid,
  finished_at)
select mod(n, 1000) + 1, now(), 2, gen_random_uuid(), 'r' || n, 1, 1, 'c' || n / 4, 'p', 'c' || n,
  'answer', case when n > {DELIVERIES} * 0.95 then repeat('x', 200) else '' end, '[]', now(),
  repeat('0', 32), 'delivered', 'wamid.HBgL' || n,
  now() - interval '29 days' * (1 - n::float8 / {DELIVERIES})
from generate_series(1, {DELIVERIES}) n
"""
# Four days later: a tenth of the rows is older than a month, the texts than a day.
LATER = "update delivery set finished_at = finished_at - interval '4 days'"


def main() -> None:
    with temporary_home() as home, ExitStack() as stack:
        postgres = LocalPostgres.start(home / "postgres", free_ports(1)[0], announce=show_progress)
        stack.callback(postgres.stop)
        upgrade(postgres.url(), "sender", "sender")
        engine = sa.create_engine(
            driver_url(postgres.url()), connect_args={"options": "-c search_path=sender"}
        )
        stack.callback(engine.dispose)
        show_progress("filling the table")
        run(engine, FILL)
        rules = retention_rules(rows_days=30, texts_days=2)
        result: dict[str, Any] = {"deliveries": DELIVERIES, "rows_per_step": MOST_ROWS}
        result["nothing_to_do_ms"] = {rule.name: steps_of(engine, rule)["ms"] for rule in rules}
        show_progress("four days later")
        run(engine, LATER)
        result["steps"] = {rule.name: steps_of(engine, rule) for rule in rules}
        result["nothing_left_ms"] = {rule.name: steps_of(engine, rule)["ms"] for rule in rules}
    print(orjson.dumps(result).decode())


def run(engine: sa.Engine, statement: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql("vacuum analyze delivery")


def steps_of(engine: sa.Engine, rule: RetentionRule) -> dict[str, Any]:
    """Until a step has less to do than it may; ms: the median and the longest."""
    milliseconds: list[float] = []
    total, removed = 0, MOST_ROWS
    while removed == MOST_ROWS:
        began = perf_counter()
        with engine.begin() as connection:
            removed = remove(connection, rule, MOST_ROWS) or 0
        milliseconds.append(round((perf_counter() - began) * 1000, 1))
        total += removed
    in_order = sorted(milliseconds)
    return {"rows": total, "ms": [in_order[len(in_order) // 2], in_order[-1]]}


if __name__ == "__main__":
    main()
