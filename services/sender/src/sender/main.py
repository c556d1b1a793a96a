"""python -m sender.main"""

from common.service.lifecycle import run
from sender.settings import Settings
from sender.wiring import build


def main() -> None:
    run("sender", Settings, build)


if __name__ == "__main__":
    main()
