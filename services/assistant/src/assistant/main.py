"""Starts the assistant: `python -m assistant.main`."""

from assistant.settings import AssistantSettings
from assistant.wiring import build
from common.service.lifecycle import run


def main() -> None:
    run("assistant", AssistantSettings, build)


if __name__ == "__main__":
    main()
