"""Makes a broker ready for consumer groups before the first consumer asks."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

GROUP = "conserje-warm-up"  # never joined by anybody
POLL = 0.02  # seconds


def warm_up_groups(bootstrap: str, deadline: float = 60.0) -> None:
    """Returns once the broker coordinates groups.

    Costs 0.15 s and saves 3: asking makes the broker create `__consumer_offsets`, and a consumer
    of librdkafka that hears "not coordinator" meanwhile asks again only after 3 s (measured).
    Raises KafkaException when it does not within `deadline` seconds.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    until = time.monotonic() + deadline
    while True:
        try:
            admin.describe_consumer_groups([GROUP])[GROUP].result(deadline)
        except KafkaException:  # not there yet, or still loading
            if time.monotonic() > until:
                raise
            time.sleep(POLL)
        else:
            return
