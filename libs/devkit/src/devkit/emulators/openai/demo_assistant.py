"""The default answers: a demo assistant that knows only what its instructions say.

Deterministic, per business and in the language of its instructions; Markdown, as models write.
"""

import re
from collections.abc import Iterator, Sequence

from common.description import without_descriptions
from common.folded_text import folded
from devkit.emulators.openai.business import Business, read_business
from devkit.emulators.openai.phrases import (
    ASKED_NAME,
    DESCRIBED,
    PHRASES,
    SAID_NAME,
    SMALL_TALK,
    SYNONYMS,
    TOPICS,
    Topic,
)

WORD = re.compile(r"[^\W\d_]{4,}")
QUESTION = re.compile(r"[?¿!¡\n]+|(?<=\w)\.\s")
COMMA = re.compile(r",\s+")
COMMON_WORDS = """para como donde cuando cuesta precio tiene tienen quiero sobre este esta esto hola
    mucho nada algo pero what with have your that this price much from"""
STEM = 5  # letters that words of one family share
COMMON_STEMS = frozenset(word[:STEM] for word in COMMON_WORDS.split())
MOST_ANSWERS = 4  # to what is asked in one message


def reply(
    instructions: str, current: Sequence[str], history: Sequence[str], otherwise: str = "unknown"
) -> str:
    """What to say to `current` (the user's newest messages); `history` is all they ever wrote.

    otherwise: the key of the phrase for what it has no answer to.
    """
    business = read_business(instructions)
    phrases = PHRASES[business.language]
    names = [name for earlier in history for name in SAID_NAME.findall(earlier)]
    words = "\n".join(filter(None, map(without_descriptions, current)))
    received = [phrases[key] for text in current for key in described_kinds(text)]
    answers = answers_to(business, words, "your_name" if names else "no_name")
    if not answers and not received:
        answers = [phrases[otherwise if words or otherwise != "unknown" else "unopened"]]
    answer = "\n\n".join(dict.fromkeys([*received, *answers]))
    filled = answer.replace("{name}", business.name or phrases["us"])  # the text may hold braces
    filled = filled.replace("{person}", names[-1] if names else "")
    return filled.replace("{text}", " ".join(words.split()))


def described_kinds(text: str) -> Iterator[str]:
    """Keys of phrases for what was sent that is not text, and for what nobody could open."""
    written = bool(without_descriptions(text).strip())
    for key, description in DESCRIBED.items():
        if description.match(text) and not (written and key == "voice_unheard"):
            yield key


def answers_to(business: Business, words: str, name_key: str) -> list[str]:
    """To every question of the message; small talk only where nothing was asked."""
    phrases = PHRASES[business.language]
    questions = [part for part in QUESTION.split(words) if part.strip()]
    told: set[str] = set()
    answers = [answer for part in questions for answer in answers_about(business, part, told)]
    if ASKED_NAME.search(words):
        answers.insert(0, phrases[name_key])
    if answers:
        return list(dict.fromkeys(answers))[:MOST_ANSWERS]
    talk = (topic for topic in SMALL_TALK.values() if topic.asked.search(words))
    return [topic.says[business.language] for topic in talk][:1]


def answers_about(business: Business, question: str, told: set[str]) -> Iterator[str]:
    """By topic, else by the facts that share its words. `told`: items not to be said again."""
    topics = [topic for topic in TOPICS.values() if topic.asked.search(question)]
    for topic in topics:
        items = items_about(business, topic, question)
        if not told.issuperset(items) or topic.key == "booking":
            yield answer_about(business, topic, items)
        told.update(items)
    facts = [] if topics else sharing_words(statements(business), question)
    if not told.issuperset(facts):
        yield as_list(PHRASES[business.language]["fact"], facts)
    told.update(facts)


def answer_about(business: Business, topic: Topic, items: list[str]) -> str:
    answer = as_list(topic.says[business.language], items)
    ask = PHRASES[business.language]["booking_ask"]
    return f"{answer}\n\n{ask}" if topic.key == "booking" else answer


def statements(business: Business) -> list[str]:
    """Its facts; of one that heads a list the items."""
    listed = (items_of(fact) if "\n- " in fact else [fact] for fact in business.facts)
    return [item for items in listed for item in items]


def items_about(business: Business, topic: Topic, text: str) -> list[str]:
    items = [item for fact in business.facts if topic.told.search(fact) for item in items_of(fact)]
    if topic.key != "price":
        return items
    return sharing_words([item for item in items if topic.told.search(item)], text) or items


def sharing_words(texts: Sequence[str], question: str) -> list[str]:
    """At most three of those that share the most words with the question; none when none does."""
    asked = with_synonyms(stems(question))
    shared = {text: len(asked & stems(text)) for text in texts}
    most = max(shared.values(), default=0)
    return [text for text, count in shared.items() if count == most and most][:3]


def with_synonyms(words: set[str]) -> set[str]:
    groups = ({word[:STEM] for word in group} for group in SYNONYMS)
    return words.union(*(group for group in groups if group & words))


def stems(text: str) -> set[str]:
    return {word[:STEM] for word in WORD.findall(folded(text))} - COMMON_STEMS


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
