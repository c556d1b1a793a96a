"""How long tenant-admin keeps what it counts. Clients, assistants and the audit log stay."""

from common.postgres.retention import RetentionRule, delete_older
from tenant_admin.core.idempotency import KEPT_DAYS

COUNTED_DAYS = 31


def retention_rules(usage_days: int) -> list[RetentionRule]:
    """Days are those of the clients' time zones."""
    return [
        delete_older("client_usage", "day", usage_days),
        delete_older("number_replies", "day", usage_days),
        delete_older("priced_replies", "day", usage_days),
        # As long as their topic keeps events that name them again.
        delete_older("counted_delivery", "counted_at", COUNTED_DAYS),
        delete_older("idempotent_request", "created_at", KEPT_DAYS),
    ]
