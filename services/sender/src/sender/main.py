"""python -m sender.main"""

from common.service.lifecycle import run
from sender.settings import SenderSettings
from sender.wiring import build


def main() -> None:
    run("sender", SenderSettings, build)


if __name__ == "__main__":
    main()
