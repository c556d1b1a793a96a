"""Fixtures of these tests; they name what they need."""

from tests.support.sender_fixtures import graph, sender

__all__ = ["graph", "sender"]
