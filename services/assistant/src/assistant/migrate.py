"""Brings the schema `assistant` up to date: `python -m assistant.migrate`."""

from common.postgres.migrate import migrate_service


def main() -> None:
    migrate_service("assistant", "assistant")


if __name__ == "__main__":
    main()
