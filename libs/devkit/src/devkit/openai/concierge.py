"""The default answers: a concierge that knows only what the assistant's instructions say.

Deterministic, per business and in the language of its instructions; Markdown, as models write.
"""

import re
from collections.abc import Sequence

from devkit.openai.business import Business, read_business
from devkit.openai.phrases import (
    ASKED_NAME,
    BY_KEY,
    LABELS,
    PHRASES,
    SAID_NAME,
    TOPICS,
    Topic,
)

WORD = re.compile(r"[^\W\d_]{5,}")
ITEM_SEPARATOR = re.compile(r";\s*|,\s+(?=[^\d])")


def reply(instructions: str, current: Sequence[str], history: Sequence[str]) -> str:
    """What to say to `current` (the user's newest messages); `history` is all they ever wrote."""
    business = read_business(instructions)
    text = "\n".join(current)
    phrases = PHRASES[business.language]
    person = said_name(history)
    if ASKED_NAME.search(text):
        answer = phrases["your_name"] if person else phrases["no_name"]
    else:
        answer = answer_by_topic(business, text)
    return fill(answer, business, text, person)


def fill(template: str, business: Business, text: str, person: str) -> str:
    """Plain replacement: the user's text may hold braces."""
    name = business.name or PHRASES[business.language]["us"]
    greeted = f", {person}" if person and "{person}!" in template else person
    filled = template.replace("{name}", name).replace("{person}", greeted)
    return filled.replace("{text}", " ".join(text.split()))


def said_name(history: Sequence[str]) -> str:
    names = [found for text in history for found in SAID_NAME.findall(text)]
    return names[-1] if names else ""


def answer_by_topic(business: Business, text: str) -> str:
    phrases = PHRASES[business.language]
    asked = next((topic for topic in TOPICS if topic.asked.search(text)), None)
    if asked is None:
        facts = facts_sharing_words(business.facts, text)
        return with_facts(phrases["fact"], facts) if facts else unknown(business)
    if asked.key in ("thanks", "bye"):
        return phrases[asked.key]
    if asked.key == "greeting":
        return greeting(business)
    return about(business, asked, text)


def about(business: Business, topic: Topic, text: str) -> str:
    phrases = PHRASES[business.language]
    facts = [fact for fact in business.facts if topic.told.search(fact)]
    if topic.key == "price":
        facts = narrowed(facts, text)
    if topic.key == "booking":
        return with_facts(phrases["booking"], facts) + "\n\n" + phrases["booking_ask"]
    return with_facts(phrases[topic.key], facts) if facts else unknown(business)


def narrowed(facts: list[str], text: str) -> list[str]:
    """Only the lines about what was asked, when one is named."""
    items = [item for fact in facts for item in items_of(fact)]
    return facts_sharing_words(items, text) or facts


def facts_sharing_words(facts: Sequence[str], text: str) -> list[str]:
    words = {word[:5] for word in WORD.findall(text.lower())}
    return [fact for fact in facts if words & {word[:5] for word in WORD.findall(fact.lower())}][:3]


def with_facts(opening: str, facts: Sequence[str]) -> str:
    if not facts:
        return opening
    return "\n".join((opening, "", *(f"- {item}" for fact in facts for item in items_of(fact))))


def items_of(fact: str) -> list[str]:
    """«Carta: pizza 9 €, lasaña 11 €» as its items, without the heading; a sentence as itself."""
    heading, colon, rest = fact.partition(":")
    if "\n- " in fact:
        return fact.split("\n- ")[1:]
    if not (colon and len(heading) < 40 and not heading[-1:].isdigit()):
        return [fact]
    items = [item.strip(" .") for item in ITEM_SEPARATOR.split(rest)]
    return [item[:1].upper() + item[1:] for item in items if item]


def greeting(business: Business) -> str:
    phrases = PHRASES[business.language]
    return phrases["greeting"] + "\n\n" + offer(business)


def unknown(business: Business) -> str:
    return PHRASES[business.language]["unknown"] + "\n\n" + offer(business)


def offer(business: Business) -> str:
    phrases, labels = PHRASES[business.language], LABELS[business.language]
    known = [
        label
        for key, label in labels.items()
        if any(BY_KEY[key].told.search(fact) for fact in business.facts)
    ]
    return with_facts(phrases["offer"], known) if known else phrases["ask"]
