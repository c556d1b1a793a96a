"""Where a message comes from and what it is about: an ad, a product of the catalog, a forward."""

from dataclasses import replace
from typing import Any

from common.description import described
from common.events import Referral
from common.lenient_json import at, identifier_at, text_at
from router.message_text import joined
from router.webhook_items import MessageContent

LONGEST_URL, LONGEST_AD = 2_048, 1_024  # characters


def with_context(content: MessageContent, message: Any) -> MessageContent:
    """The same content; an ad and a product are put into words before the contact's own."""
    if "context" not in message and "referral" not in message:
        return content
    referral = referral_of(at(message, "referral"))
    text = joined(referral_in_words(referral), product_in_words(message), content.text)
    forwarded = is_forwarded(at(message, "context"))
    return replace(content, text=text, referral=referral, forwarded=forwarded)


def referral_of(referral: Any) -> Referral | None:
    if not isinstance(referral, dict):
        return None
    return Referral(
        source_type=text_at(referral, "source_type"),
        source_id=identifier_at(referral, "source_id"),
        source_url=text_at(referral, "source_url", longest=LONGEST_URL),
        headline=text_at(referral, "headline", longest=LONGEST_AD),
        body=text_at(referral, "body", longest=LONGEST_AD),
        ctwa_clid=identifier_at(referral, "ctwa_clid"),
    )


def referral_in_words(referral: Referral | None) -> str | None:
    if referral is None:
        return None
    label = "from a post" if referral.source_type == "post" else "from an ad"
    return described(label, referral.headline, referral.body, referral.source_url)


def product_in_words(message: Any) -> str | None:
    """Of a question that was asked at a product of the catalog."""
    product = identifier_at(message, "context", "referred_product", "product_retailer_id")
    return described("about the product", product) if product else None


def is_forwarded(context: Any) -> bool | None:
    marks = (at(context, "forwarded"), at(context, "frequently_forwarded"))
    return True if True in marks else None
