"""Times as people write them on the command line."""

from datetime import UTC, datetime

from tenant_admin.core.problems import refuse
from tenant_admin.replay.select import moment


def asked_moment(field: str, text: str) -> datetime:
    """RequestRefused for what is no time."""
    try:
        return moment(text, datetime.now(UTC))
    except ValueError:
        refuse(422, field, "is not a time", "write 15m, 2h or 2026-11-25T10:00")
