"""What the consumers of one service share, and how each is built from it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from common.events import Event
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import Topic

E = TypeVar("E", bound=Event)


class KafkaConsumers(NamedTuple):
    """wait_reason, is_timeout: of the errors that a handler may raise; see BatchConsumer."""

    kafka: KafkaSettings
    life: Lifecycle
    dead_letters: DeadLetters
    wait_reason: Callable[[BaseException], str | None]
    is_timeout: Callable[[BaseException], bool]

    def consumer(
        self,
        topic: Topic,
        event: type[E],
        handle: Callable[[Sequence[E]], None],
        gather_ms: int = 0,
        is_check: bool = True,
    ) -> BatchConsumer[E]:
        return BatchConsumer(
            self.kafka,
            topic,
            event,
            handle,
            life=self.life,
            dead_letters=self.dead_letters,
            wait_reason=self.wait_reason,
            is_timeout=self.is_timeout,
            gather_ms=gather_ms,
            is_check=is_check,
        )
