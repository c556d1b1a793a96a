"""Brings the schema `sender` up to date: `python -m sender.migrate`."""

from common.postgres.migrate import migrate_service
from sender.tables import SCHEMA


def main() -> None:
    migrate_service("sender", SCHEMA)


if __name__ == "__main__":
    main()
