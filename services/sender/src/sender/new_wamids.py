"""Messages that got their wamid in this process a moment ago: parked statuses may wait for them."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

LOOKS = 3  # a status may be parked a little later than its message's wamid was stored


class SentMessage(NamedTuple):
    """A message of ours at WhatsApp."""

    tenant_id: int
    wamid: str


class NewWamids:
    """Written by the threads that store, before their commit; read by the sweep, which sees each
    message LOOKS times."""

    def __init__(self) -> None:
        self._since_sweeps = deque[list[SentMessage]]([[]], maxlen=LOOKS)

    def add(self, messages: Iterable[SentMessage]) -> None:
        self._since_sweeps[-1].extend(messages)

    def recent(self) -> list[SentMessage]:
        return [message for messages in self._since_sweeps for message in messages]

    def end_sweep(self) -> None:
        """After a sweep that has looked at all of `recent`."""
        self._since_sweeps.append([])
