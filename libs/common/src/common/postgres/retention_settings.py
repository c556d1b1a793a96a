"""How long services keep rows: settings of the same name mean the same in each of them."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from common.service.settings import FromEnvironment
from common.topics import DAY_MS, WEBHOOKS_RAW

# So long a message may come again: Meta repeats a webhook for 7 days, and every copy can be
# replayed while webhooks.raw has it.
META_REPEATS_DAYS = 7
REPEATED_DAYS = META_REPEATS_DAYS + WEBHOOKS_RAW.retention_ms // DAY_MS
LEAST_ROWS_DAYS = REPEATED_DAYS + 1
LEAST_USAGE_DAYS = 62
MOST_DAYS = 3650


def refuse_forgetting(days: int) -> int:
    if days < LEAST_ROWS_DAYS:
        raise ValueError(
            f"must be at least {LEAST_ROWS_DAYS}: for {REPEATED_DAYS} days a message may come"
            " again, and only its row tells that it was handled"
        )
    return days


def refuse_outliving_rows(days: int, info: ValidationInfo) -> int:
    rows_days = info.data.get("keep_rows_days", days)
    if days > rows_days:
        raise ValueError(
            f"must be at most KEEP_ROWS_DAYS, which is {rows_days}: texts go with their rows;"
            " set both"
        )
    return days


def refuse_broken_months(days: int) -> int:
    if days < LEAST_USAGE_DAYS:
        raise ValueError(
            f"must be at least {LEAST_USAGE_DAYS}: budgets and reports need this month and the last"
        )
    return days


KeepRowsDays = Annotated[int, Field(le=MOST_DAYS), AfterValidator(refuse_forgetting)]
KeepTextsDays = Annotated[int, Field(ge=1, le=MOST_DAYS), AfterValidator(refuse_outliving_rows)]
KeepUsageDays = Annotated[int, Field(le=MOST_DAYS), AfterValidator(refuse_broken_months)]


class RowRetentionSettings(FromEnvironment):
    """keep_rows_days: of what has ended, from its end. keep_texts_days: likewise, of the texts in
    it."""

    keep_rows_days: KeepRowsDays = 30
    keep_texts_days: KeepTextsDays = 30


class UsageRetentionSettings(FromEnvironment):
    """keep_usage_days: of sums and calls, by day; 13 months are 397 days at most."""

    keep_usage_days: KeepUsageDays = 400
