"""What the demo assistant can say: demo_assistant.toml, and questions about names and people."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

NEVER = r"(?!)"


@dataclass(frozen=True, slots=True)
class Topic:
    """`asked` is searched in the user's text, `told` in the facts of the instructions; `says` by
    language."""

    key: str
    asked: re.Pattern[str]
    told: re.Pattern[str]
    says: dict[str, str]


def topic(key: str, asked: str, told: str = NEVER, **says: str) -> Topic:
    return Topic(key, re.compile(asked, re.I), re.compile(told, re.I), says)


TEXTS = tomllib.loads(Path(__file__).with_name("demo_assistant.toml").read_text(encoding="utf-8"))
TOPICS = {key: topic(key, **texts) for key, texts in TEXTS["topics"].items()}
SMALL_TALK = {key: topic(key, **texts) for key, texts in TEXTS["small_talk"].items()}
# Folded words that mean the same to a business.
SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(words.split()) for words in TEXTS["synonyms"]["groups"]
)
# Descriptions that the router puts before the contact's words, by the key of the phrase.
DESCRIBED = {key: re.compile(pattern, re.I) for key, pattern in TEXTS["described"].items()}
SMALL_WORDS: dict[str, frozenset[str]] = {
    code: frozenset(words.split()) for code, words in TEXTS["small_words"].items()
}
PHRASES: dict[str, dict[str, str]] = TEXTS["phrases"]
SAID_NAME = re.compile(r"(?:me llamo|mi nombre es|my name is)\s+(\w+)", re.I)
ASKED_NAME = re.compile(r"c[oó]mo me llamo|cu[aá]l es mi nombre|what(?:'s| is) my name", re.I)
ASKED_PERSON = re.compile(
    r"\b(?:persona|humano|agente|encargad[oa]|human|person|agent|operator)\b", re.I
)
HANDOVER_TOOL = re.compile(r"hand.?(?:off|over)|human|escalate|transfer", re.I)
