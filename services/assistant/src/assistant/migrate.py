"""Brings the schema `assistant` up to date: `python -m assistant.migrate`."""

import sys

from common.postgres.migrate import upgrade
from common.service.settings import DatabaseSettings, load


def main() -> None:
    migrate_service("assistant", "assistant")


if __name__ == "__main__":
    main()
