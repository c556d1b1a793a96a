"""How long the sender keeps deliveries. Rows of outbox_refused are the operator's, and stay."""

from common.postgres.retention import RetentionRule, delete_older, empty_older

EMPTY = "body = '', choices = null, media = null"
HAS_BODY = "finished_at is not null and body <> ''"
# The end of a reply's last part reads how the earlier ones ended. No `not exists`: it is planned as
# a join, for which all that is old is read and sorted.
NO_OPEN_PART = """finished_at is not null and (
    select part.id from delivery part where part.conversation = old.conversation
      and part.finished_at is null and part.reply_id = old.reply_id limit 1) is null"""


def retention_rules(rows_days: int, texts_days: int) -> list[RetentionRule]:
    """Both count from a delivery's end. A status that comes later changes nothing."""
    return [
        delete_older("delivery", "finished_at", rows_days, NO_OPEN_PART),
        empty_older(
            "delivery_body",
            "delivery",
            "finished_at",
            texts_days,
            EMPTY,
            HAS_BODY,
        ),
    ]
