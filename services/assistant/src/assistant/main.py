"""Starts the assistant: `python -m assistant.main`."""

from assistant.settings import Settings
from assistant.wiring import build
from common.service.lifecycle import run


def main() -> None:
    run("assistant", Settings, build)


if __name__ == "__main__":
    main()
