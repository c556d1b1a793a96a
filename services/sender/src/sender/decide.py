"""What to do with a due delivery, before a send and after one. Pure."""

from datetime import datetime, timedelta

from common.events import TenantConfig
from common.work import Done, Dropped, Later, Outcome
from sender.tables import Change, DueDelivery
from sender.whatsapp.send_result import Accepted, Ambiguous, Cure, NotSent, Refused, Verdict

WINDOW = timedelta(hours=23)  # of WhatsApp's 24, so that clocks and queues have an hour
DOUBT_SECONDS = 90.0  # how long a status may take to settle an unknown send
MOST_COPIES_AGAIN = 1
UNKNOWN_NUMBER_SECONDS, UNKNOWN_NUMBER_LIMIT = 5.0, timedelta(minutes=5)
MOST_REFUSALS = 40
LONGEST_WAIT = 600.0
OFFLINE_SECONDS = 5.0  # Graph cannot be reached: no refusal, so it counts against nobody
TENANT_WAIT = 60.0

Ending = Outcome[Change]


def before_send(
    delivery: DueDelivery, tenant: TenantConfig | None, now: datetime
) -> TenantConfig | Ending:
    """The client to send for, or why not to send now."""
    if delivery.status == "sending":  # its process died or was lost: nobody knows
        return Later(DOUBT_SECONDS, "taken_over", Change("unknown", delivery.refusals))
    if delivery.status == "unknown" and not resendable(delivery, tenant, now):
        return Dropped("unknown", Change("unknown", delivery.refusals))
    if tenant is None:
        return number_unknown(delivery, now)
    if reason := hindrance(delivery, tenant, now):
        return Dropped(reason, Change("suppressed", delivery.refusals))
    return tenant


def resendable(delivery: DueDelivery, tenant: TenantConfig | None, now: datetime) -> bool:
    """At most one more copy, and none that would come out of order, too late or unwanted."""
    return (
        delivery.newest
        and delivery.resends <= MOST_COPIES_AGAIN
        and tenant is not None
        and hindrance(delivery, tenant, now) is None
    )


def hindrance(delivery: DueDelivery, tenant: TenantConfig, now: datetime) -> str | None:
    """The number's owner must still be the delivery's: another's token must never send it."""
    if tenant.tenant_id != delivery.tenant_id:
        return "number_moved"
    if not tenant.active:
        return "inactive"
    return "window_closed" if now > delivery.last_inbound_at + WINDOW else None


def number_unknown(delivery: DueDelivery, now: datetime) -> Ending:
    """The view may lag behind a client that was added a moment ago."""
    if now > delivery.created_at + UNKNOWN_NUMBER_LIMIT:
        return Dropped("number_unknown", Change("rejected", delivery.refusals))
    return not_now(delivery, UNKNOWN_NUMBER_SECONDS, "number_unknown")


def not_now(delivery: DueDelivery, seconds: float, reason: str) -> Ending:
    """Nothing was sent."""
    return Later(seconds, reason, Change("pending", delivery.refusals))


def after_send(delivery: DueDelivery, verdict: Verdict, now: datetime) -> Ending:
    match verdict:
        case Accepted(wamid=wamid):
            return Done(Change("accepted", delivery.refusals, wamid), "accepted")
        case Ambiguous(why=why):
            return Later(DOUBT_SECONDS, f"unknown:{why}", Change("unknown", delivery.refusals))
        case NotSent(why=why):
            return not_now(delivery, OFFLINE_SECONDS, f"not_sent:{why}")
        case Refused():
            return refused(delivery, verdict, now)


def refused(delivery: DueDelivery, refusal: Refused, now: datetime) -> Ending:
    tries = delivery.refusals + 1
    wait = wait_after(refusal, delivery.refusals)
    too_late = now + timedelta(seconds=wait or 0) > delivery.last_inbound_at + WINDOW
    if wait is None or too_late or hopeless(refusal, tries):
        ended = Change("rejected", tries, None, refusal.code, refusal.title)
        return Dropped(str(refusal.code), ended)
    change = Change("pending", tries, None, refusal.code, refusal.title)
    return Later(wait, str(refusal.code), change)


def hopeless(refusal: Refused, tries: int) -> bool:
    """What the operator or the client must mend, such as an expired token, has the whole window."""
    return refusal.cure is not Cure.TENANT and tries > MOST_REFUSALS


def wait_after(refusal: Refused, refusals: int) -> float | None:
    """Seconds until the next try, None for never. Pair limit: 4^X seconds, X from 0 (Meta)."""
    match refusal.cure:
        case Cure.NOTHING:
            return None
        case Cure.TENANT:
            return TENANT_WAIT
        case Cure.PAIR:
            return max(refusal.retry_after, min(4.0 ** min(refusals, 9), LONGEST_WAIT))
        case Cure.WAITING:
            return max(refusal.retry_after, back_off(refusals))


def back_off(tries: int) -> float:
    return min(2.0 ** min(tries, 12), LONGEST_WAIT)
