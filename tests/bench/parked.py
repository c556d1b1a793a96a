"""`python -m tests.bench.parked`: what parked statuses cost the sender, as JSON.

300,000 deliveries and a million statuses of another app on the same numbers; the longest
transaction and the sum in milliseconds of wall time, PostgreSQL beside it on the same machine.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from common.postgres.connection import Connection
from common.postgres.engine import connection_arguments
from common.postgres.migrate import upgrade
from devkit.check_result import show_progress
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from sender.new_wamids import SentMessage
from sender.parked_statuses import LONG_AGO
from sender.parked_store import PORTION, delete_expired, take, take_portion
from sender.status_store import lock_deliveries, store_statements
from sender.status_transitions import StatusTransitions, StatusUpdate

DELIVERIES, PARKED, SENDING = 300_000, 1_000_000, 200
BATCH, TIMES = 500, 20
FILL = f"""
insert into delivery (tenant_id, due_at, state, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, kind, body, answers, last_inbound_at, trace_id, status, wamid,
  finished_at)
select mod(n, 1000) + 1, now(), case when n > {SENDING} then 2 else 1 end, gen_random_uuid(),
  'r' || n, 1, 1, 'c' || n, 'p' || mod(n, 1000) + 1, 'c' || n, 'answer', repeat('x', 200), '[]',
  now(), repeat('0', 32), case when n > {SENDING} then 'delivered' else 'sending' end,
  case when n > {SENDING} then 'wamid.HBgL' || n end, case when n > {SENDING} then now() end
from generate_series(1, {DELIVERIES}) n;
insert into early_status (tenant_id, wamid, status, status_at, parked_at)
select mod(n, 1000) + 1, 'wamid.other' || n, 'sent', now(),
  now() - make_interval(secs => 600.0 * n / {PARKED})
from generate_series(1, {PARKED}) n;
"""
AGE = "update early_status set parked_at = parked_at - interval '10 minutes'"


def main() -> None:
    with temporary_home() as home, ExitStack() as stack:
        postgres = LocalPostgres.start(home / "postgres", free_ports(1)[0], announce=show_progress)
        stack.callback(postgres.stop)
        upgrade(postgres.url(), "sender", "sender")
        connection = Connection(connection_arguments(postgres.url(), "bench"), "sender")
        stack.callback(connection.close)
        show_progress("filling the tables")
        maintain(connection, "set statement_timeout = 0", FILL)
        maintain(connection, "vacuum analyze delivery, early_status")
        result: dict[str, Any] = {"deliveries": DELIVERIES, "parked": PARKED}
        result["batch_of_another_app"] = cost(connection, batches(connection, sending=False))
        result["batch_while_the_number_sends"] = cost(connection, batches(connection, sending=True))
        result["sweep_of_1000_new_wamids"] = cost(connection, sweeps(connection))
        result["first_sweep_of_a_process"] = cost(connection, first_sweep(connection))
        maintain(connection, AGE)
        result["deleting_all"] = cost(connection, deletions(connection))
    print(orjson.dumps(result).decode())


def maintain(connection: Connection, *statements: str) -> None:
    with connection.raw.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def cost(connection: Connection, transactions: Iterator[Callable[[], Any]]) -> dict[str, float]:
    took = []
    for transaction in transactions:
        began = perf_counter()
        transaction()
        connection.commit()
        took.append((perf_counter() - began) * 1000)
    longest, median = max(took), sorted(took)[len(took) // 2]
    values = {"longest_ms": longest, "median_ms": median, "all_ms": sum(took)}
    return {name: round(value, 1) for name, value in values.items()} | {"transactions": len(took)}


def batches(connection: Connection, sending: bool) -> Iterator[Callable[[], Any]]:
    """Untagged statuses that match nothing, of numbers that wait for an answer, or do not."""
    for time in range(TIMES):
        numbers = [2 + n % 199 if sending else 500 + n % 400 for n in range(BATCH)]
        statuses = [
            StatusUpdate(
                tenant_id=number,
                wamid=f"wamid.new{sending}{time}.{n}",
                status="sent",
                status_at=datetime.now(UTC),
                error_code=None,
                error_title=None,
                phone_number_id=f"p{number}",
            )
            for n, number in enumerate(numbers)
        ]

        def store(statuses: list[StatusUpdate] = statuses) -> None:
            transitions = StatusTransitions(lock_deliveries(connection, statuses))
            for status in statuses:
                transitions.apply(status)
            connection.execute_together(store_statements(transitions))

        yield store


def sweeps(connection: Connection) -> Iterator[Callable[[], Any]]:
    for time in range(TIMES):
        numbers = range(time * PORTION, (time + 1) * PORTION)
        messages = [SentMessage(n % 1000 + 1, f"wamid.HBgL{n}") for n in numbers]
        yield lambda messages=messages: take(connection, messages)  # type: ignore[misc]


def first_sweep(connection: Connection) -> Iterator[Callable[[], Any]]:
    after: datetime | None = LONG_AGO

    def look_on() -> None:
        nonlocal after
        assert after is not None
        _, after = take_portion(connection, after)

    while after:
        yield look_on


def deletions(connection: Connection) -> Iterator[Callable[[], Any]]:
    deleted = PORTION

    def delete() -> None:
        nonlocal deleted
        deleted = delete_expired(connection)

    while deleted == PORTION:
        yield delete


if __name__ == "__main__":
    main()
