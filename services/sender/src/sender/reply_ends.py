"""How the parts of a reply ended, which together say how the reply did."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sender.tables import Delivery, delivery_id_of

# Of a part that left as a template: its text was in it, or was not sent.
TEMPLATE_WITH_TEXT, TEMPLATE_ALONE = "template", "suppressed:template"
END_REASON = f"""case when status = 'failed' then coalesce(error_code::text, status)
  when template is null or status in ('unknown', 'rejected', 'suppressed') then reason
  when template_takes_text then '{TEMPLATE_WITH_TEXT}' else '{TEMPLATE_ALONE}' end"""
ENDS = f"""select delivery_id::text as delivery_id, status, {END_REASON} as reason,
  finished_at is not null as finished from delivery
  where delivery_id = any(%(parts)s::uuid[])"""


class PartEnd(NamedTuple):
    """How one part of a reply ended; of one that failed after its acceptance, the reason is Meta's
    code; of one that left as a template, TEMPLATE_WITH_TEXT or TEMPLATE_ALONE."""

    delivery_id: str
    status: str
    reason: str | None
    finished: bool = True


def ends_of(last_parts: Sequence[Delivery], ends: Iterable[PartEnd]) -> dict[int, list[PartEnd]]:
    """By the id of each last part: how all parts of its reply ended, in order."""
    by_id = {end.delivery_id: end for end in ends}
    return {delivery.id: [by_id[id] for id in part_ids(delivery)] for delivery in last_parts}


def part_ids(delivery: Delivery) -> list[str]:
    """The delivery ids of all parts of the reply."""
    return [
        delivery_id_of(delivery.tenant_id, delivery.reply_id, part)
        for part in range(1, delivery.parts + 1)
    ]


def later_parts(delivery: Delivery) -> list[Delivery]:
    """The parts of the reply behind this one, which have not been sent."""
    return [
        replace(delivery, delivery_id=id, part=part, status="pending", wamid=None)
        for part, id in enumerate(part_ids(delivery), start=1)
        if part > delivery.part
    ]
