"""`python -m tenant_admin.main`: the HTTP API of clients, assistants and keys."""

from common.service.lifecycle import run
from tenant_admin.settings import Settings
from tenant_admin.wiring import build


def main() -> None:
    run("tenant-admin", Settings, build)


if __name__ == "__main__":
    main()
