"""Benchmarks: `make bench` prints one JSON document. Measured, never asserted."""
