"""What the calls of finished claims cost, as rows and sums: also of claims that no longer stand.

Every statement may run twice: a commit whose answer was lost is tried again.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from assistant.budget import WHOLE_CLIENT, has_budget, today_of
from assistant.openai.response import Usage
from assistant.prices import Prices
from assistant.results import TurnResult
from assistant.turn_context import TurnContext
from common.events import TenantConfig
from common.postgres.connection import Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.work import Handled
from common.work.table import ClaimKey

TOKENS = {
    "input_tokens": "int",
    "cached_tokens": "int",
    "cache_write_tokens": "int",
    "output_tokens": "int",
    "reasoning_tokens": "int",
}
USAGE = {
    "tenant_id": "int",
    "turn_id": "bigint",
    "epoch": "int",
    "number": "smallint",
    "day": "date",
    "model": "text",
    **TOKENS,
    "micros": "bigint",
    "result": "text",
}
SUMS = {
    "calls": "count(*)",
    "unpriced_calls": "count(*) filter (where micros is null)",
    "tokens": "sum(input_tokens::bigint + output_tokens)",
    "micros": "coalesce(sum(micros), 0)",
    **{name: f"sum({name})" for name in TOKENS},
}
GIVEN = {**USAGE, "conversation_id": "bigint"}
# A row per call, and the sums per day of the client and, where one is given, of the conversation.
STORE_CALLS = Prepared(f"""
with given as (select * from {unnest(GIVEN)}),
new as (
  insert into usage ({names(USAGE)}) select {names(USAGE)} from given
  on conflict (turn_id, epoch, number) do nothing returning turn_id, epoch, number)
insert into spend (tenant_id, conversation_id, day, {names(SUMS)})
select tenant_id, scope.id, day, {names(SUMS.values())}
from given join new using (turn_id, epoch, number)
cross join lateral (values ({WHOLE_CLIENT}::bigint), (given.conversation_id)) scope(id)
where scope.id is not null
group by tenant_id, scope.id, day order by tenant_id, scope.id, day
on conflict (tenant_id, conversation_id, day) do update set
  {", ".join(f"{name} = spend.{name} + excluded.{name}" for name in SUMS)}
""")
CLAIM = {"turn_id": "bigint", "epoch": "int"}
END_RESERVATIONS = Prepared(f"""
delete from reservation using {unnest(CLAIM)}
where reservation.turn_id = given.turn_id and reservation.epoch = given.epoch
""")


class BilledCall(NamedTuple):
    """A row of `usage`. conversation_id: where the contact has a budget. number: within the claim.
    micros: of a dollar; None where the model's price is not known."""

    claim: ClaimKey
    number: int
    tenant_id: int
    conversation_id: int | None
    day: date
    usage: Usage
    micros: int | None
    result: str


class Bill(NamedTuple):
    """Of a batch of finished claims. reserved: claims that may have a reservation."""

    calls: Sequence[BilledCall]
    reserved: Sequence[ClaimKey]


def billed_calls(
    handled: Handled[TurnContext, TurnResult],
    tenant: TenantConfig | None,
    prices: Prices,
    now: datetime,
) -> list[BilledCall]:
    """tenant: None where the client is gone; its days were then those of UTC."""
    turn = handled.item
    by_contact = tenant is not None and tenant.settings.contact_daily_token_budget is not None
    day = today_of(tenant.settings, now) if tenant else now.astimezone(UTC).date()
    return [
        BilledCall(
            claim=handled.claim.key,
            number=number,
            tenant_id=turn.conversation.tenant_id,
            conversation_id=turn.conversation.id if by_contact else None,
            day=day,
            usage=call.usage,
            micros=prices.micros(call.usage),
            result=call.result,
        )
        for number, call in enumerate(turn.calls, start=1)
    ]


def may_have_reservation(tenant: TenantConfig | None) -> bool:
    return tenant is not None and has_budget(tenant.settings)


def settle_statements(bill: Bill, stood: Collection[ClaimKey]) -> list[Statement]:
    statements: list[Statement] = []
    if bill.calls:
        statements.append((STORE_CALLS, call_columns(bill.calls, stood)))
    if bill.reserved:
        statements.append((END_RESERVATIONS, claim_columns(bill.reserved)))
    return statements


def call_columns(calls: Sequence[BilledCall], stood: Collection[ClaimKey]) -> dict[str, list[Any]]:
    """The result of a call whose claim no longer stands is that it was superseded."""
    results = [call.result if call.claim in stood else "superseded" for call in calls]
    return {
        **claim_columns([call.claim for call in calls]),
        **arrays(["number", "tenant_id", "conversation_id", "day", "micros"], calls),
        **arrays(["model", *TOKENS], [call.usage for call in calls]),
        "result": results,
    }


def claim_columns(claims: Sequence[ClaimKey]) -> dict[str, list[Any]]:
    return {"turn_id": [id for id, _ in claims], "epoch": [epoch for _, epoch in claims]}
