"""What to do with a due delivery before a send, and with the result after one. Pure."""

from datetime import datetime, timedelta

from common.events import TenantConfig
from common.work import Done, Dropped, Later, Outcome
from sender.tables import DeliveryUpdate, DueDelivery, is_a_persons
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, Retry, SendResult

SERVICE_WINDOW = timedelta(hours=23)  # of WhatsApp's 24: one hour for clocks and queues
UNKNOWN_GRACE_SECONDS = 90.0  # how long a status may take to settle an unknown send
MAX_RESENDS = 1
UNKNOWN_NUMBER_SECONDS, UNKNOWN_NUMBER_LIMIT = 5.0, timedelta(minutes=5)
MAX_REFUSALS = 40
MAX_WAIT_SECONDS = 600.0
OFFLINE_SECONDS = 5.0  # Graph cannot be reached: not counted as a refusal
TENANT_WAIT_SECONDS = 60.0

DeliveryOutcome = Outcome[DeliveryUpdate]


def before_send(
    delivery: DueDelivery, tenant: TenantConfig | None, now: datetime
) -> TenantConfig | DeliveryOutcome:
    """The tenant to send for, or the outcome without a send."""
    if delivery.status == "sending":  # its process died or was cut off: it may have been sent
        return wait_for_status(delivery, "taken_over")
    if delivery.status == "unknown" and not resendable(delivery, tenant, now):
        return Dropped("unknown", DeliveryUpdate("unknown", delivery.refusals))
    if tenant is None:
        return without_tenant(delivery, now)
    if reason := suppression_reason(delivery, tenant, now):
        return Dropped(reason, DeliveryUpdate("suppressed", delivery.refusals))
    return tenant


def resendable(delivery: DueDelivery, tenant: TenantConfig | None, now: datetime) -> bool:
    """At most one more copy, and none out of order or that would not be sent the first time."""
    return (
        delivery.newest
        and delivery.resends <= MAX_RESENDS
        and tenant is not None
        and suppression_reason(delivery, tenant, now) is None
    )


def suppression_reason(delivery: DueDelivery, tenant: TenantConfig, now: datetime) -> str | None:
    """The number must still belong to the delivery's tenant: another's token must never send it."""
    if tenant.tenant_id != delivery.tenant_id:
        return "number_moved"
    if not tenant.active:
        return "inactive"
    if reason := silenced(delivery):
        return reason
    if now > delivery.last_inbound_at + SERVICE_WINDOW:
        return "window_closed"
    return "stale" if delivery.expires_at and now >= delivery.expires_at else None


def silenced(delivery: DueDelivery) -> str | None:
    """What happened after the reply was made; the notice of a command is made after the command.
    What a person wrote goes while a person has the conversation."""
    if is_before(delivery.made_at, delivery.opted_out_at):
        return "opted_out"
    if is_before(delivery.made_at, delivery.handed_over_at) and not is_a_persons(delivery):
        return "handed_over:taken_over"
    return None


def is_before(moment: datetime, other: datetime | None) -> bool:
    return other is not None and moment < other


def without_tenant(delivery: DueDelivery, now: datetime) -> DeliveryOutcome:
    """The view may lag behind a tenant that was added a moment ago."""
    if now > delivery.created_at + UNKNOWN_NUMBER_LIMIT:
        return Dropped("number_unknown", DeliveryUpdate("rejected", delivery.refusals))
    return postponed(delivery, UNKNOWN_NUMBER_SECONDS, "number_unknown")


def postponed(delivery: DueDelivery, seconds: float, reason: str) -> DeliveryOutcome:
    """Due again in `seconds`; nothing was sent."""
    return Later(seconds, reason, DeliveryUpdate("pending", delivery.refusals))


def wait_for_status(delivery: DueDelivery, reason: str) -> DeliveryOutcome:
    """It is unknown whether it was sent; a status may tell."""
    return Later(UNKNOWN_GRACE_SECONDS, reason, DeliveryUpdate("unknown", delivery.refusals))


def after_send(delivery: DueDelivery, result: SendResult, now: datetime) -> DeliveryOutcome:
    match result:
        case Accepted(wamid=wamid):
            return Done(DeliveryUpdate("accepted", delivery.refusals, wamid), "accepted")
        case Ambiguous(why=why):
            return wait_for_status(delivery, f"unknown:{why}")
        case NotSent(why=why):
            return postponed(delivery, OFFLINE_SECONDS, f"not_sent:{why}")
        case Refused():
            return after_refusal(delivery, result, now)


def after_refusal(delivery: DueDelivery, refusal: Refused, now: datetime) -> DeliveryOutcome:
    tries = delivery.refusals + 1
    wait = retry_delay(refusal, delivery.refusals)
    too_late = now + timedelta(seconds=wait or 0) > delivery.last_inbound_at + SERVICE_WINDOW
    if wait is None or too_late or attempts_exhausted(refusal, tries):
        ended = DeliveryUpdate("rejected", tries, None, refusal.code, refusal.title)
        return Dropped(str(refusal.code), ended)
    update = DeliveryUpdate("pending", tries, None, refusal.code, refusal.title)
    return Later(wait, str(refusal.code), update)


def attempts_exhausted(refusal: Refused, tries: int) -> bool:
    """What a person must repair, such as an expired token, is tried for the whole window."""
    return refusal.retry is not Retry.TENANT and tries > MAX_REFUSALS


def retry_delay(refusal: Refused, refusals: int) -> float | None:
    """Seconds until the next try, None for never. Pair limit: 4^X seconds, X from 0 (Meta)."""
    match refusal.retry:
        case Retry.NEVER:
            return None
        case Retry.TENANT:
            return TENANT_WAIT_SECONDS
        case Retry.PAIR:
            return max(refusal.retry_after, min(4.0 ** min(refusals, 9), MAX_WAIT_SECONDS))
        case Retry.BACKOFF:
            return max(refusal.retry_after, backoff_seconds(refusals))


def backoff_seconds(tries: int) -> float:
    return min(2.0 ** min(tries, 12), MAX_WAIT_SECONDS)
