"""Keeps the two compacted topics equal to the database."""
