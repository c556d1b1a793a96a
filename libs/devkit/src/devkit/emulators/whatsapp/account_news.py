"""Webhooks about accounts and numbers as Meta builds them. Pure.

Shapes: developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference. They
name the account, and the number by its digits or not at all; only errors name it by its id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from devkit.emulators.whatsapp.identities import Business
from devkit.emulators.whatsapp.payloads import Json, error, messaging, webhook

What = Literal[
    "banned",
    "reinstated",
    "restricted",
    "violation",
    "disconnected",
    "alert",
    "review_rejected",
    "flagged",
    "throughput",
    "name_rejected",
    "capability",
    "template_rejected",
    "template_quality",
    "template_category",
    "security",
    "payment",
    "rate_limit",
]
WEEK = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class AccountNews:
    """What Meta tells about the account of a number, or about the number."""

    phone_number_id: str
    what: What


def account_news(business: Business, what: What, at: float) -> Json:
    """One webhook."""
    field, value = VALUES[what](business, int(at))
    told = webhook(business, value, field)
    told["entry"][0]["time"] = int(at)
    return told


def ban(state: str) -> Callable[[Business, int], tuple[str, Json]]:
    info = {"waba_ban_state": state, "waba_ban_date": "November 25, 2026"}
    return lambda business, at: update("DISABLED_UPDATE", ban_info=info)


def update(event: str, **more: object) -> tuple[str, Json]:
    return "account_update", {"event": event, **more}


def restriction(business: Business, at: int) -> tuple[str, Json]:
    kind = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"
    info = {"restriction_type": kind, "expiration": at + WEEK}
    return update("ACCOUNT_RESTRICTION", restriction_info=[info])


def quality(event: str, limit: str) -> Callable[[Business, int], tuple[str, Json]]:
    told = {"event": event, "max_daily_conversations_per_business": limit}
    return lambda business, at: (
        "phone_number_quality_update",
        {"display_phone_number": business.digits, **told},
    )


def template(field: str, **told: str) -> Callable[[Business, int], tuple[str, Json]]:
    named = {
        "message_template_id": 806312974732579,
        "message_template_name": "offer",
        "message_template_language": "es",
    }
    return lambda business, at: (field, named | told)


def failure(code: int, title: str) -> Callable[[Business, int], tuple[str, Json]]:
    return lambda business, at: (
        "messages",
        messaging(business, [], errors=[error(code, title, title)]),
    )


VALUES: dict[What, Callable[[Business, int], tuple[str, Json]]] = {
    "banned": ban("DISABLE"),
    "reinstated": ban("REINSTATE"),
    "restricted": restriction,
    "violation": lambda business, at: update(
        "ACCOUNT_VIOLATION", violation_info={"violation_type": "SCAM"}
    ),
    "disconnected": lambda business, at: update(
        "ACCOUNT_OFFBOARDED",
        disconnection_info={"reason": "PRIMARY_INACTIVITY", "initiated_by": "SYSTEM"},
    ),
    "alert": lambda business, at: (
        "account_alerts",
        {
            "entity_type": "PHONE_NUMBER",
            "entity_id": business.phone_number_id,
            "alert_info": {
                "alert_severity": "INFORMATIONAL",
                "alert_status": "NONE",
                "alert_type": "PROFILE_PICTURE_LOST",
                "alert_description": "The profile picture was removed.",
            },
        },
    ),
    "review_rejected": lambda business, at: ("account_review_update", {"decision": "REJECTED"}),
    "flagged": quality("FLAGGED", "TIER_10K"),
    "throughput": quality("THROUGHPUT_UPGRADE", "TIER_UNLIMITED"),
    "name_rejected": lambda business, at: (
        "phone_number_name_update",
        {
            "display_phone_number": business.digits,
            "decision": "REJECTED",
            "requested_verified_name": business.name,
            "rejection_reason": "NAME_BUSINESS_MISMATCH",
        },
    ),
    "capability": lambda business, at: (
        "business_capability_update",
        {
            "max_daily_conversations_per_business": 2000,
            "max_phone_numbers_per_business": 20,
            "max_phone_numbers_per_waba": 20,
        },
    ),
    "template_rejected": template(
        "message_template_status_update",
        event="REJECTED",
        reason="INVALID_FORMAT",
        message_template_category="MARKETING",
    ),
    "template_quality": template(
        "message_template_quality_update", previous_quality_score="GREEN", new_quality_score="RED"
    ),
    "template_category": template(
        "template_category_update", previous_category="UTILITY", new_category="MARKETING"
    ),
    "security": lambda business, at: (
        "security",
        {
            "display_phone_number": business.digits,
            "event": "PIN_RESET_REQUEST",
            "requester": "61555822107539",
        },
    ),
    "payment": failure(131042, "Business eligibility payment issue"),
    "rate_limit": failure(130429, "Rate limit hit"),
}
