"""Brings the schema `assistant` up to date: `python -m assistant.migrate`."""

import sys

from common.postgres.migrate import upgrade
from common.service.settings import DatabaseSettings, load


def main() -> None:
    url = load(DatabaseSettings).database_url.get_secret_value()
    sys.stdout.write(f"assistant: schema at revision {upgrade(url, 'assistant', 'assistant')}\n")


if __name__ == "__main__":
    main()
