"""Brings the schema `sender` up to date: `python -m sender.migrate`."""

import sys

from common.postgres.migrate import upgrade
from common.service.settings import DatabaseSettings, load

from sender.tables import SCHEMA


def main() -> None:
    migrate_service("sender", SCHEMA)


if __name__ == "__main__":
    main()
