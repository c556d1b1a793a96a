"""Starts the ingress: `python -m ingress.main`."""

from common.service import lifecycle
from ingress.settings import Settings
from ingress.wiring import build


def main() -> None:
    lifecycle.run("ingress", Settings, build)


if __name__ == "__main__":
    main()
