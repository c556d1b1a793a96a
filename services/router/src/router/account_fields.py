"""What Meta tells about accounts and numbers: a reader for each field of webhooks. Pure.

Shapes: developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference, and
pywa 4.5 for account_update and templates. Who did it and words of templates are left out.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson

from common.events import NewsLevel
from common.lenient_json import at, identifier_at, integer_at, objects_at, text_at, timestamp_at
from router.webhook_items import AccountChange, Malformed, News

LONGEST_WORD, LONGEST_DETAIL = 128, 200  # characters
HIGHER_THROUGHPUT = 1000  # messages a second; Meta's page on throughput
DAY, WEEK, MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)

Kind = tuple[str, NewsLevel]
Reader = Callable[[Any], list[News]]
ACCOUNT_EVENTS: dict[str, Kind] = {
    "ACCOUNT_DELETED": ("deleted", "critical"),
    "PARTNER_REMOVED": ("access", "critical"),
    "PARTNER_APP_UNINSTALLED": ("access", "critical"),
    "ACCOUNT_OFFBOARDED": ("access", "critical"),
    "PARTNER_ADDED": ("access", "info"),
    "PARTNER_APP_INSTALLED": ("access", "info"),
    "ACCOUNT_RECONNECTED": ("access", "info"),
}
SILENCING = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"  # of all restrictions it stops our answers
SEVERITIES: dict[str, NewsLevel] = {"CRITICAL": "critical", "WARNING": "warning"}
REVIEWS: dict[str, NewsLevel] = {
    "REJECTED": "critical",
    "PENDING": "warning",
    "DEFERRED": "warning",
}
WARNED = frozenset({"FLAGGED", "DOWNGRADE", "REJECTED", "PAUSED", "DISABLED", "DEACTIVATED", "RED"})
ERRORS: dict[int, Kind] = {
    131042: ("payment", "critical"),
    131031: ("restricted", "critical"),
    368: ("restricted", "critical"),
}


def account_changes(change: Any, entry: Any) -> Iterator[AccountChange | Malformed]:
    """Nothing for a field that has no reader."""
    field = at(change, "field")
    reader = READERS.get(field) if isinstance(field, str) else None
    if reader is None:
        return
    value = at(change, "value")
    for news in reader(value):
        # Partner events come in an entry of the partner, not of the account.
        waba_id = identifier_at(value, "waba_info", "waba_id") or identifier_at(entry, "id")
        yield account_change(news, field, waba_id, change, entry)


def error_of_number(
    error: Any, field: str, entry: Any, phone_number_id: str
) -> AccountChange | Malformed:
    """An element of value.errors[]: Meta could not process something of this number or account."""
    code = integer_at(error, "code")
    what, level = ERRORS.get(code or 0, ("error", "warning"))
    news = News(
        what,
        level,
        detail=text_at(error, "title", longest=LONGEST_DETAIL),
        subject=str(code) if code is not None else None,
        phone_number_id=phone_number_id,
        code=code,
        lasts=DAY,
    )
    return account_change(news, field, identifier_at(entry, "id"), error, entry)


def account_change(
    news: News, field: str, waba_id: str | None, told: Any, entry: Any
) -> AccountChange | Malformed:
    if waba_id is None:
        return Malformed("account")
    digest = hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    return AccountChange(waba_id, field, digest, news, timestamp_at(entry, "time"))


def word_at(value: Any, *path: str) -> str | None:
    """One of Meta's words; a number is written out."""
    number = integer_at(value, *path)
    return str(number) if number is not None else text_at(value, *path, longest=LONGEST_WORD)


def detail_of(*words: str | None) -> str | None:
    given = [word for word in words if word and word != "NONE"]
    return ": ".join(given)[:LONGEST_DETAIL] or None


def level_of(word: str | None) -> NewsLevel:
    return "warning" if word in WARNED else "info"


def digits_of_number(value: Any, name: str = "display_phone_number") -> str | None:
    written = word_at(value, name) or ""
    return "".join(digit for digit in written if digit.isascii() and digit.isdigit()) or None


def account_update(value: Any) -> list[News]:
    event = word_at(value, "event") or ""
    match event:
        case "ACCOUNT_RESTRICTION":
            return [restriction(each) for each in objects_at(value, "restriction_info")] or [
                News("restricted", "critical", event)
            ]
        case "ACCOUNT_VIOLATION":
            violation = word_at(value, "violation_info", "violation_type")
            return [News("violation", "warning", detail_of(violation), lasts=MONTH)]
        case "DISABLED_UPDATE":
            return [ban(value)]
    what, level = ACCOUNT_EVENTS.get(event, ("account", "info"))
    reason = word_at(value, "disconnection_info", "reason")
    subject = event if what == "account" else None
    number = digits_of_number(value, "phone_number")
    return [News(what, level, detail_of(event, reason), subject, phone_number=number)]


def restriction(info: Any) -> News:
    kind = word_at(info, "restriction_type")
    level: NewsLevel = "critical" if kind in (None, SILENCING) else "warning"
    until = timestamp_at(info, "expiration")
    return News("restricted", level, detail_of(kind), subject=kind, until=until)


def ban(value: Any) -> News:
    state, date = (word_at(value, "ban_info", f"waba_ban_{name}") for name in ("state", "date"))
    return News("banned", "info" if state == "REINSTATE" else "critical", detail_of(state, date))


def account_alert(value: Any) -> list[News]:
    info = at(value, "alert_info")
    kind = word_at(info, "alert_type")
    is_number = word_at(value, "entity_type") == "PHONE_NUMBER"
    return [
        News(
            "alert",
            SEVERITIES.get(word_at(info, "alert_severity") or "", "info"),
            detail_of(kind, text_at(info, "alert_description", longest=LONGEST_DETAIL)),
            subject=kind,
            phone_number_id=identifier_at(value, "entity_id") if is_number else None,
            lasts=WEEK,
        )
    ]


def account_review(value: Any) -> list[News]:
    decision = word_at(value, "decision")
    return [News("review", REVIEWS.get(decision or "", "info"), decision)]


def number_quality(value: Any) -> list[News]:
    event = word_at(value, "event")
    limit = word_at(value, "max_daily_conversations_per_business")
    is_throughput = event == "THROUGHPUT_UPGRADE"
    return [
        News(
            "throughput" if is_throughput else "quality",
            level_of(event),
            event,
            phone_number=digits_of_number(value),
            limit=limit or word_at(value, "current_limit"),
            messages_per_second=HIGHER_THROUGHPUT if is_throughput else None,
        )
    ]


def number_name(value: Any) -> list[News]:
    decision, reason = word_at(value, "decision"), word_at(value, "rejection_reason")
    number = digits_of_number(value)
    return [News("name", level_of(decision), detail_of(decision, reason), phone_number=number)]


def capability(value: Any) -> list[News]:
    limit = word_at(value, "max_daily_conversations_per_business")
    limit = limit or word_at(value, "max_daily_conversation_per_phone")
    numbers = word_at(value, "max_phone_numbers_per_business")
    detail = f"{numbers} phone numbers" if numbers else None
    return [News("capability", detail=detail, limit="unlimited" if limit == "-1" else limit)]


def security(value: Any) -> list[News]:
    event, number = word_at(value, "event"), digits_of_number(value)
    return [News("security", "warning", event, phone_number=number, lasts=WEEK)]


def payment_configuration(value: Any) -> list[News]:
    """Of the Payments API: how contacts pay the client, not how Meta is paid."""
    name, state = word_at(value, "configuration_name"), word_at(value, "status")
    return [News("payment_configuration", detail=state, subject=name)]


def partner_solution(value: Any) -> list[News]:
    state, solution = word_at(value, "solution_status"), word_at(value, "solution_id")
    return [News("partner_solution", level_of(state), state, subject=solution)]


def template_status(value: Any) -> list[News]:
    event, reason = word_at(value, "event"), word_at(value, "reason")
    return [template_news("template_status", value, event, detail_of(event, reason))]


def template_quality(value: Any) -> list[News]:
    score = word_at(value, "new_quality_score")
    return [template_news("template_quality", value, score, score)]


def template_category(value: Any) -> list[News]:
    """With `correct_category` Meta only says what it will be in 24 hours."""
    category = word_at(value, "correct_category") or word_at(value, "new_category")
    return [template_news("template_category", value, category, category)]


def template_components(value: Any) -> list[News]:
    return [template_news("template_components", value, None, None)]


def template_news(what: str, value: Any, state: str | None, detail: str | None) -> News:
    name = word_at(value, "message_template_name")
    language = word_at(value, "message_template_language")
    return News(
        what,
        level_of(state),
        detail,
        subject=" ".join(filter(None, (name, language))) or None,
        template=name,
        template_language=language,
        template_status=state,
    )


READERS: dict[str, Reader] = {
    "account_update": account_update,
    "account_alerts": account_alert,
    "account_review_update": account_review,
    "phone_number_quality_update": number_quality,
    "phone_number_name_update": number_name,
    "business_capability_update": capability,
    "message_template_status_update": template_status,
    "message_template_quality_update": template_quality,
    "message_template_components_update": template_components,
    "template_category_update": template_category,
    "payment_configuration_update": payment_configuration,
    "partner_solutions": partner_solution,
    "security": security,
}
