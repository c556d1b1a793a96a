"""What to do with a due delivery before a send, and with the result after one. Pure."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from common.events import DeliveryClass, TenantConfig, TenantSettings
from common.work import Done, Dropped, Later, Outcome
from sender.holds import Held
from sender.tables import DeliveryUpdate, DueDelivery, is_a_persons
from sender.whatsapp.graph_errors import Retry
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, SendResult

SERVICE_WINDOW = timedelta(hours=23)  # of WhatsApp's 24: one hour for clocks and queues
UNKNOWN_NUMBER_SECONDS, UNKNOWN_NUMBER_LIMIT = 5.0, timedelta(minutes=5)
# A refusal that may pass holds up the whole conversation, so it is given up in minutes: what Meta
# cannot take eight times it mostly never takes, and a question of ten minutes ago is asked again.
MAX_TRIES = 8
MAX_REFUSED = timedelta(minutes=10)
# A newer reply makes the older one matter less; a minute is what people wait for an answer.
MAX_REFUSED_BEFORE_NEWER = timedelta(seconds=60)
MAX_BACKOFF_SECONDS = 60.0
# Perhaps Meta does not take the options, or the quoted message is gone: the words alone may pass.
WRONG_CONTENT = frozenset({100, 131008, 131009, 131051})
WINDOW_SECONDS = 30.0  # Meta names it a known issue that it takes an open window for a closed one


class LostAnswer(NamedTuple):
    """What is done after a send whose answer was lost.

    seconds: how long a status may take to tell. copies: how many more are sent at most.
    only_newest: not once a later reply waits.
    """

    seconds: float
    copies: int
    only_newest: bool


LOST_ANSWERS: dict[DeliveryClass, LostAnswer] = {
    "reply": LostAnswer(90.0, 1, only_newest=True),
    "at_most_once": LostAnswer(900.0, 0, only_newest=True),
    "at_least_once": LostAnswer(30.0, 3, only_newest=False),
}

DeliveryOutcome = Outcome[DeliveryUpdate]


class Template(NamedTuple):
    """As what a delivery leaves outside the window: its columns."""

    template: str
    template_takes_text: bool


def before_send(
    delivery: DueDelivery, tenant: TenantConfig | None, now: datetime
) -> TenantConfig | DeliveryOutcome:
    """The tenant to send for, or the outcome without a send."""
    if delivery.status == "sending":  # its process died or was cut off: it may have been sent
        return wait_for_status(delivery, "taken_over")
    if delivery.status == "unknown" and not resendable(delivery, tenant, now):
        return Dropped("unknown", DeliveryUpdate.of(delivery, "unknown"))
    if tenant is None:
        return without_tenant(delivery, now)
    if reason := suppression_reason(delivery, tenant, now):
        return Dropped(reason, DeliveryUpdate("suppressed", delivery.refusals))
    return becomes_template(delivery, tenant.settings, now) or tenant


def resendable(delivery: DueDelivery, tenant: TenantConfig | None, now: datetime) -> bool:
    """As its class allows, and no copy out of order or that would not be sent the first time."""
    rule = lost_answer_of(delivery)
    return (
        (delivery.newest or not rule.only_newest)
        and delivery.resends <= rule.copies
        and tenant is not None
        and suppression_reason(delivery, tenant, now) is None
    )


def lost_answer_of(delivery: DueDelivery) -> LostAnswer:
    """A template is billed each time."""
    return LOST_ANSWERS["at_most_once" if delivery.template else delivery.delivery_class]


def suppression_reason(delivery: DueDelivery, tenant: TenantConfig, now: datetime) -> str | None:
    """The number must still belong to the delivery's tenant: another's token must never send it."""
    if tenant.tenant_id != delivery.tenant_id:
        return "number_moved"
    if not tenant.active:
        return "inactive"
    if reason := silenced(delivery):
        return reason
    if delivery.expires_at and now >= delivery.expires_at:
        return "stale"
    return window_reason(delivery, tenant.settings, now)


def window_reason(delivery: DueDelivery, settings: TenantSettings, now: datetime) -> str | None:
    """Why it is too late for it, or for the template as which it leaves."""
    if delivery.template and not settings.window_template:
        return "window_closed"
    if now <= last_moment(delivery):
        return None
    if delivery.template or not settings.window_template or not is_worth_a_template(delivery):
        return "window_closed"
    return None if template_for(delivery, settings) else "template_sent_today"


def last_moment(delivery: DueDelivery) -> datetime:
    """A template needs no window; it says nothing new a day later."""
    return (delivery.made_at if delivery.template else delivery.last_inbound_at) + SERVICE_WINDOW


def template_for(delivery: DueDelivery, settings: TenantSettings) -> Template | None:
    """What the delivery may leave as. One a day, as each is billed; but a person's words leave each
    time, where the template takes them."""
    takes_text = settings.window_template_takes_text
    is_new = is_a_persons(delivery) and takes_text and delivery.part == 1
    may_leave = is_worth_a_template(delivery) and (is_new or not delivery.template_sent)
    if not settings.window_template or not may_leave:
        return None
    return Template(settings.window_template, takes_text)


def is_worth_a_template(delivery: DueDelivery) -> bool:
    """An answer, or what a person wrote. A notice tells who has written before; of an apology the
    contact has nothing. Not a file, which no template carries, nor a copy, as the text itself has
    perhaps arrived."""
    is_answer = delivery.kind == "answer" and delivery.failure is None
    is_words = (is_answer or is_a_persons(delivery)) and not delivery.media
    return is_words and delivery.status != "unknown"


def becomes_template(
    delivery: DueDelivery, settings: TenantSettings, now: datetime
) -> DeliveryOutcome | None:
    """Its row names the template on disk before that leaves, so that there is never another."""
    if not delivery.template and now <= last_moment(delivery):
        return None
    template = template_for(delivery, settings)
    if template is None or template == (delivery.template, delivery.template_takes_text):
        return None
    return Later(0.0, "template", unsent(delivery, **template._asdict()))


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
    return Later(seconds, reason, unsent(delivery))


def unsent(delivery: DueDelivery, **changes: Any) -> DeliveryUpdate:
    """It waits. What was unknown stays so, and the copy that was not sent counts no more."""
    if delivery.status == "unknown":
        return DeliveryUpdate.of(delivery, "unknown", **{"resends": delivery.resends - 1} | changes)
    return DeliveryUpdate.of(delivery, "pending", **changes)


def wait_for_status(delivery: DueDelivery, reason: str) -> DeliveryOutcome:
    """It is unknown whether it was sent; a status may tell. After each copy twice as long."""
    seconds = lost_answer_of(delivery).seconds * 2.0**delivery.resends
    return Later(seconds, reason, DeliveryUpdate.of(delivery, "unknown"))


def held_back(delivery: DueDelivery, held: Held, reason: str = "") -> DeliveryOutcome:
    """Nothing was sent."""
    if held.is_final and delivery.status == "unknown":
        return Dropped("unknown", DeliveryUpdate.of(delivery, "unknown"))
    if held.is_final:
        return rejected(delivery, held.cause)
    return Later(held.seconds, reason or f"held:{held.why}", unsent(delivery, held_by=held.key))


def after_send(
    delivery: DueDelivery,
    result: SendResult,
    held: Held | None,
    now: datetime,
    jitter: float,
    template: Template | None = None,
) -> DeliveryOutcome:
    """held: the hold that this result began or prolonged. jitter: from 0 to 1, at random.
    template: see template_for."""
    match result:
        case Accepted(wamid=wamid):
            return Done(DeliveryUpdate.of(delivery, "accepted", wamid=wamid), "accepted")
        case Ambiguous(why=why):
            return wait_for_status(delivery, f"unknown:{why}")
        case NotSent(why=why):
            assert held
            return held_back(delivery, held, f"not_sent:{why}")
        case Refused() if held:
            return refused_with_others(delivery, result, held, now)
        case Refused():
            return after_refusal(delivery, result, now, jitter, template)


def refused_with_others(
    delivery: DueDelivery, refusal: Refused, held: Held, now: datetime
) -> DeliveryOutcome:
    """What holds back all of a number or token is no fault of this one: it counts as no try, and
    may last until the reply is too old."""
    too_late = now + timedelta(seconds=held.seconds) > last_moment(delivery)
    if held.is_final or too_late:
        return rejected(delivery, refusal)
    error = {"error_code": refusal.code, "error_title": refusal.title, "held_by": held.key}
    return Later(held.seconds, str(refusal.code), unsent(delivery, **error))


def after_refusal(
    delivery: DueDelivery,
    refusal: Refused,
    now: datetime,
    jitter: float,
    template: Template | None,
) -> DeliveryOutcome:
    counts = counted(delivery, refusal) | {"refused_at": delivery.refused_at or now}
    wait = retry_delay(refusal, delivery, jitter)
    if wait is None or attempts_exhausted(delivery, now + timedelta(seconds=wait), now):
        if refusal.rule.retry is Retry.WINDOW and template and not delivery.template:
            return Later(0.0, str(refusal.code), unsent(delivery, **counts | template._asdict()))
        return rejected(delivery, refusal)
    return Later(wait, str(refusal.code), unsent(delivery, **counts))


def rejected(delivery: DueDelivery, refusal: Refused | None) -> DeliveryOutcome:
    assert refusal
    ended = DeliveryUpdate.of(delivery, "rejected", **counted(delivery, refusal))
    return Dropped(str(refusal.code), ended)


def counted(delivery: DueDelivery, refusal: Refused) -> dict[str, Any]:
    is_pair = refusal.rule.retry is Retry.PAIR
    return {
        "error_code": refusal.code,
        "error_title": refusal.title,
        "refusals": delivery.refusals + (not is_pair),
        "pair_refusals": delivery.pair_refusals + is_pair,
    }


def attempts_exhausted(delivery: DueDelivery, next_at: datetime, now: datetime) -> bool:
    tries = delivery.refusals + delivery.pair_refusals + 1
    most = MAX_REFUSED if delivery.newest else MAX_REFUSED_BEFORE_NEWER
    too_late = next_at > last_moment(delivery)
    return too_late or tries >= MAX_TRIES or next_at > (delivery.refused_at or now) + most


def retry_delay(refusal: Refused, delivery: DueDelivery, jitter: float) -> float | None:
    """Seconds until the next try, None for never. Pair limit: 4^X seconds, X from 0 (Meta)."""
    match refusal.rule.retry:
        case Retry.BACKOFF:
            return refusal.retry_after + jitter * backoff_seconds(delivery.refusals)
        case Retry.PAIR:
            return max(refusal.retry_after, 4.0 ** min(delivery.pair_refusals, 9)) + jitter
        case Retry.WINDOW if delivery.refusals == 0:
            return WINDOW_SECONDS
        case Retry.NEVER if refusal.code in WRONG_CONTENT and is_more_than_text(delivery):
            return 0.0
        case _:
            return None


def is_more_than_text(delivery: DueDelivery) -> bool:
    """The next try of one is plain text. A file has none: its caption alone says little."""
    is_more = bool(delivery.choices or delivery.quotes)
    return is_more and delivery.refusals == 0 and not (delivery.template or delivery.media)


def backoff_seconds(tries: int) -> float:
    return min(2.0 ** min(tries, 12), MAX_BACKOFF_SECONDS)
