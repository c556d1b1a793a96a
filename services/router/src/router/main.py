"""Starts the router: `python -m router.main`."""

from common.service import lifecycle
from router.settings import Settings
from router.wiring import build


def main() -> None:
    lifecycle.run("router", Settings, build)


if __name__ == "__main__":
    main()
