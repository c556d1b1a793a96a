"""What `usage` prints: a month's days, their sum, replies beside the free ones, and prices."""

from tenant_admin.cli.output import print_table
from tenant_admin.cli.terminal import print_json, say
from tenant_admin.core.usage_counts import MonthUsage, UsageTotals

COLUMNS = ("calls", "input_tokens", "cached_tokens", "output_tokens", "replies")


def print_usage(usage: MonthUsage, as_json: bool) -> None:
    if as_json:
        print_json(usage)
        return
    rows = [cells(str(day.day), day) for day in usage.days]
    titles = ["day", *(name.replace("_", " ") for name in COLUMNS), "cost"]
    print_table(titles, [*rows, cells(usage.month, usage.total)])
    for number in usage.numbers:
        free = f"{number.free_replies:,} a month are free at Meta."
        say(f"Number {number.phone_number_id}: {number.replies:,} replies;", free)
    prices = usage.prices
    if prices.by_category:
        say(f"Arrived: {prices.billable:,} billable at Meta, {prices.free:,} free.")
    for price in prices.by_category:
        say(f"  {price.pricing_category}, {price.pricing_type}: {price.replies:,}")
    if usage.total.unpriced_calls:
        unpriced = usage.total.unpriced_calls
        say(f"Calls of models without a price, not in the cost: {unpriced}")


def cells(name: str, usage: UsageTotals) -> list[str]:
    counts = [f"{getattr(usage, column):,}" for column in COLUMNS]
    return [name, *counts, f"${usage.cost_usd:.4f}"]
