"""What the benchmarks count."""

from pathlib import Path

from tests.bench.processes import Usage, switches_in
from tests.bench.statement_log import Counts, calls_in, per_message

LOG = """2026-11-27 16:05:50.123 UTC [812] sender LOG:  statement: begin;
\t  select 'LOG:  statement: no'
2026-11-27 16:05:50.124 UTC [812] sender LOG:  statement: commit
2026-11-27 16:05:50.125 UTC [813] tenant-admin LOG:  execute <unnamed>: select 1
2026-11-27 16:05:50.125 UTC [813] tenant-admin DETAIL:  Parameters: $1 = '1'
2026-11-27 16:05:50.126 UTC [814] [unknown] LOG:  statement: select pg_reload_conf()
2026-11-27 16:05:50.127 UTC [815]  LOG:  checkpoint starting: time
"""


def test_one_call_is_one_round_trip_however_many_lines_it_has() -> None:
    assert calls_in(LOG) == {"sender": 2, "tenant-admin": 1}


def test_what_an_idle_installation_does_is_no_cost_of_a_message() -> None:
    start = Counts(0.0, transactions=0, round_trips={})
    loaded = Counts(10.0, transactions=50, round_trips={"sender": 100})
    end = Counts(30.0, transactions=250, round_trips={"sender": 400})
    assert per_message(start, loaded, end, messages=100) == {
        "transactions": 1.0,
        "round_trips": {"sender": 1.0, "sum": 1.0},
        "idle_per_second": {"transactions": 5.0, "round_trips": 10.0},
    }


def test_switches_of_both_kinds_count_and_none_of_a_thread_that_has_ended() -> None:
    assert (
        switches_in("Threads:\t1\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n")
        == 9
    )
    assert Usage(0.0, {2: 9, 3: 4}).switches_since(Usage(0.0, {1: 100, 2: 5})) == 8


def test_the_system_counts_switches_as_we_read_them() -> None:
    assert switches_in(Path("/proc/self/status").read_text()) > 0
