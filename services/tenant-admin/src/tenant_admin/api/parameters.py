"""Identifiers in paths, and how large PostgreSQL's integers can be."""

from typing import Annotated

from fastapi import Path, Query

from tenant_admin.core.field_types import ASSISTANT_ID, CONTACT_ID
from tenant_admin.core.usage_counts import MONTH

MAX_INT = 2_147_483_647
MAX_BIGINT = 9_223_372_036_854_775_807
ClientId = Annotated[int, Path(ge=1, le=MAX_INT)]
ContactId = Annotated[
    str,
    Path(pattern=CONTACT_ID, max_length=140, description="The BSUID, or the phone in digits only"),
]
Month = Annotated[
    str | None,
    Query(
        pattern=MONTH,
        max_length=7,
        description="YYYY-MM; absent: the current one of the client's time zone",
    ),
]
AssistantId = Annotated[str, Path(pattern=ASSISTANT_ID, max_length=128)]
