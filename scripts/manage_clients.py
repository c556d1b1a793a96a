"""Clients on the command line: add, list, show, set, activate, deactivate. See --help."""

from tenant_admin.cli.clients import main

if __name__ == "__main__":
    main()
