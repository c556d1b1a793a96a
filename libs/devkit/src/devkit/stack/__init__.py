"""All of Conserje on one machine: a real Kafka, a real PostgreSQL, the services; no Docker.

`Announce` is how everything here tells a newcomer what it does: one line of plain English.
"""

from collections.abc import Callable

Announce = Callable[[str], None]
