"""topics.py is the map: complete, consistent, and the only place with topic names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import topics
from common.topics import ALL, BY_NAME, LARGEST_MESSAGE, Topic, dlq_of, every_topic

ROOT = Path(__file__).parents[2]
SERVICES = {path.name: path for path in (ROOT / "services").iterdir() if path.is_dir()}
NAMES = {topic.name for topic in every_topic()}
CONSTANTS = {
    value.name: constant for constant, value in vars(topics).items() if isinstance(value, Topic)
}
every = pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)


def test_every_topic_is_listed_once() -> None:
    assert set(BY_NAME) == set(CONSTANTS)
    assert len(NAMES) == len(every_topic())


@every
def test_who_writes_and_reads_a_topic_exists_and_says_so(topic: Topic) -> None:
    assert topic.producers, "a topic has an owner"
    for service in {*topic.producers, *topic.consumers} - {"operator"}:
        assert service in SERVICES
        sources = "".join(path.read_text() for path in SERVICES[service].rglob("*.py"))
        assert CONSTANTS[topic.name] in sources, f"{service} never names {CONSTANTS[topic.name]}"


@every
def test_messages_that_a_service_reads_can_be_dead_lettered(topic: Topic) -> None:
    if topic.event and topic.consumers and not topic.compacted:
        assert topic.dlq
    if topic.dlq:
        assert dlq_of(topic).max_message_bytes > topic.max_message_bytes


def test_the_largest_record_and_its_dead_letter_fit_the_producer() -> None:
    assert max(topic.max_message_bytes for topic in every_topic()) <= LARGEST_MESSAGE


def test_no_topic_name_stands_anywhere_else() -> None:
    places = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("libs", "services", "scripts")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(topics.__file__)
        for line in literals(path)
    ]
    assert places == [], "use common.topics"


def literals(path: Path) -> Iterator[int]:
    """Lines with a string that is a topic's name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield node.lineno
