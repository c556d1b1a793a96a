"""How long the assistant keeps messages, turns and what calls took.

Conversations and aliases stay: an opt-out must outlive everything. So do the operator's rows of
outbox_refused. A message whose row is gone comes no more (see retention_settings); if it did, its
turn would end as too_old.
"""

from common.postgres.retention import RetentionRule, delete_older, empty_older

IS_ANSWERED = "turn_id is not null"
HAS_TEXT = f"{IS_ANSWERED} and (body <> '' or media is not null)"
NO_TEXT = "body = '', media = null"


def retention_rules(rows_days: int, texts_days: int, usage_days: int) -> list[RetentionRule]:
    """Messages count from when they were stored, turns from their end."""
    return [
        delete_older("message", "created_at", rows_days, IS_ANSWERED),
        empty_older("message_text", "message", "created_at", texts_days, NO_TEXT, HAS_TEXT),
        delete_older("turn", "finished_at", rows_days, "finished_at is not null"),
        delete_older("applied_command", "applied_at", rows_days),
        delete_older("reply_wamid", "stored_at", rows_days),
        delete_older("usage", "day", usage_days),
        delete_older("usage_of_day", "day", usage_days),
        delete_older("spend", "day", usage_days),
        # Of processes that are gone. The table is small, and is read whole.
        delete_older("reservation", "until", 1),
    ]
