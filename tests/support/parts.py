from tests.support.kafka import PARTITIONS, Broker, reset
from tests.support.postgres import NewDatabase as Databases
from tests.support.postgres import Server
from tests.support.waiting import eventually as until

__all__ = ["PARTITIONS", "Broker", "Databases", "Server", "reset", "until"]
