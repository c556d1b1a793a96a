"""The default answers: a demo assistant that knows only what its instructions say.

Deterministic, per business and in the language of its instructions; Markdown, as models write.
"""

import re
from collections.abc import Sequence

from devkit.emulators.openai.business import Business, read_business
from devkit.emulators.openai.phrases import ASKED_NAME, PHRASES, SAID_NAME, TOPICS, Topic

WORD = re.compile(r"[^\W\d_]{4,}")
COMMA = re.compile(r",\s+")
COMMON_WORDS = """para como donde cuando cuesta precio tiene tienen quiero sobre este esta esto hola
    what with have your that this price much from"""
COMMON_STEMS = frozenset(word[:5] for word in COMMON_WORDS.split())


def reply(instructions: str, current: Sequence[str], history: Sequence[str]) -> str:
    """What to say to `current` (the user's newest messages); `history` is all they ever wrote."""
    business, text = read_business(instructions), "\n".join(current)
    phrases = PHRASES[business.language]
    names = [name for earlier in history for name in SAID_NAME.findall(earlier)]
    if ASKED_NAME.search(text):
        answer = phrases["your_name" if names else "no_name"]
    else:
        answer = answer_by_topic(business, text)
    filled = answer.replace("{name}", business.name or phrases["us"])  # the text may hold braces
    filled = filled.replace("{person}", names[-1] if names else "")
    return filled.replace("{text}", " ".join(text.split()))


def answer_by_topic(business: Business, text: str) -> str:
    phrases = PHRASES[business.language]
    topic = next((topic for topic in TOPICS.values() if topic.asked.search(text)), None)
    if topic is None:
        facts = sharing_words(business.facts, text)
        return as_list(phrases["fact"], facts) if facts else phrases["unknown"]
    says, items = topic.says[business.language], items_about(business, topic, text)
    if topic.key == "booking":
        return as_list(says, items) + "\n\n" + phrases["booking_ask"]
    if items or topic.key in ("thanks", "bye", "greeting"):
        return as_list(says, items)
    return phrases["unknown"]


def items_about(business: Business, topic: Topic, text: str) -> list[str]:
    items = [item for fact in business.facts if topic.told.search(fact) for item in items_of(fact)]
    if topic.key != "price":
        return items
    return sharing_words([item for item in items if topic.told.search(item)], text) or items


def sharing_words(texts: Sequence[str], question: str) -> list[str]:
    """At most three of those that share the most words with the question; none when none does."""
    shared = {text: len(stems(question) & stems(text)) for text in texts}
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
    return items if all(TOPICS["price"].told.search(item) for item in items) else [text]
