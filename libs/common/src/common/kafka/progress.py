"""Whether a consumer moves: a member of its group, and never still while records wait.

Counted in checks and not in seconds, so that a process that was frozen itself is not to blame.
"""

CHECK_SECONDS = 5.0
LONGEST_CHECKS = 12  # a minute


class Progress:
    """`move` from the consumer's thread, the rest from the loop."""

    def __init__(self) -> None:
        self._moves = 0
        self._moves_seen = 0
        self._still = 0
        self._apart = 0

    def move(self) -> None:
        """Records came, or the handler has answered, well or not."""
        self._moves += 1

    def check(self, *, lag: int, is_member: bool, waits: bool) -> None:
        """`waits`: the consumer has said that it waits for the database or for a mend."""
        moved, self._moves_seen = self._moves != self._moves_seen, self._moves
        self._still = 0 if moved or waits or not lag else self._still + 1
        self._apart = 0 if is_member else self._apart + 1

    @property
    def is_stalled(self) -> bool:
        """Records wait, and nothing has happened for a minute."""
        return self._still >= LONGEST_CHECKS

    @property
    def is_member(self) -> bool:
        """False after a minute outside the group."""
        return self._apart < LONGEST_CHECKS
