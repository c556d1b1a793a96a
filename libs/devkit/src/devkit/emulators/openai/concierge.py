"""The default answers: a concierge that knows only what the assistant's instructions say.

Deterministic, per business and in the language of its instructions; Markdown, as models write.
"""

import re
from collections.abc import Sequence

from devkit.emulators.openai.business import Business, read_business
from devkit.emulators.openai.phrases import (
    ASKED_NAME,
    BY_KEY,
    LABELS,
    PHRASES,
    SAID_NAME,
    TOPICS,
    Topic,
)

WORD = re.compile(r"[^\W\d_]{4,}")
COMMA = re.compile(r",\s+")
COMMON_WORDS = """para como donde cuando cuesta precio tiene tienen quiero sobre este esta esto hola
    what with have your that this price much from preço quero você"""
COMMON_STEMS = frozenset(word[:5] for word in COMMON_WORDS.split())


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
        facts = sharing_words(business.facts, text)
        return as_list(phrases["fact"], facts) if facts else unknown(business)
    if asked.key in ("thanks", "bye"):
        return phrases[asked.key]
    if asked.key == "greeting":
        return greeting(business)
    return about(business, asked, text)


def about(business: Business, topic: Topic, text: str) -> str:
    phrases = PHRASES[business.language]
    told = [fact for fact in business.facts if topic.told.search(fact)]
    items = [item for fact in told for item in items_of(fact)]
    if topic.key == "price":
        items = sharing_words([item for item in items if topic.told.search(item)], text) or items
    if topic.key == "booking":
        return as_list(phrases["booking"], items) + "\n\n" + phrases["booking_ask"]
    return as_list(phrases[topic.key], items) if items else unknown(business)


def sharing_words(texts: Sequence[str], asked: str) -> list[str]:
    """Those that share the most words with what was asked; none when none does."""
    wanted = stems(asked)
    shared = {text: len(wanted & stems(text)) for text in texts}
    most = max(shared.values(), default=0)
    return [text for text, count in shared.items() if count == most and most][:3]


def stems(text: str) -> set[str]:
    return {word[:5] for word in WORD.findall(text.lower())} - COMMON_STEMS


def as_list(opening: str, items: Sequence[str]) -> str:
    return "\n".join((opening, "", *(f"- {item}" for item in items))) if items else opening


def items_of(fact: str) -> list[str]:
    """«Carta: pizza 9 €, lasaña 11 €» as its items, without the heading; a sentence as itself."""
    heading, colon, rest = fact.partition(":")
    if "\n- " in fact:
        return fact.split("\n- ")[1:]
    if not colon or len(heading) > 40 or heading[-1:].isdigit():
        return [fact]
    items = (item.strip(" .") for item in split_items(rest))
    return [item[:1].upper() + item[1:] for item in items if item]


def split_items(text: str) -> list[str]:
    """By semicolons, else by commas if a price stands in each; addresses and hours stay whole."""
    if ";" in text:
        return text.split(";")
    items = COMMA.split(text)
    return items if all(BY_KEY["price"].told.search(item) for item in items) else [text]


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
    return as_list(phrases["offer"], known) if known else phrases["ask"]
