"""Fixtures of every layer. Tests never import from here; they name what they need."""

pytest_plugins = [
    "tests.support.summary",
    "tests.support.containers",
    "tests.support.kafka",
    "tests.support.postgres",
]
