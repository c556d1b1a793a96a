"""Benchmarks: measured, never asserted; one JSON document on stdout, progress on stderr.

make bench [ARGS="idle trickle"]                this checkout's costs, latencies and rates
make soak [MINUTES=60]                          a long run with a ledger: lost, grown, logged
python -m tests.bench.compare DIR [DIR...]      the trickle of several checkouts, by turns
python -m tests.bench.work_table                due work at sizes where it was slow
"""
