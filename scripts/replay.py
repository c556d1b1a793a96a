"""Records of a topic: list, show, send again. Needs KAFKA_BOOTSTRAP_SERVERS. See --help."""

from tenant_admin.cli.replay import main

if __name__ == "__main__":
    main()
