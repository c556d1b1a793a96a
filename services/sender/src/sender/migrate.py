"""python -m sender.migrate: brings the schema to its newest revision and prints it."""

import sys

from common.postgres.migrate import upgrade
from common.service.settings import DatabaseSettings, load

from sender.tables import SCHEMA


def main() -> None:
    url = load(DatabaseSettings).database_url.get_secret_value()
    sys.stdout.write(f"sender: schema at revision {upgrade(url, 'sender', SCHEMA)}\n")


if __name__ == "__main__":
    main()
