"""Where the database is and how to be sure of it: what libpq is told beside the operator's URL.

What the URL itself says (`?sslmode=...`, `sslcert`, `sslkey`, `target_session_attrs`) is kept.
https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import ssl
from ipaddress import ip_address
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from common.service.settings import DatabaseSettings, WorkDatabaseSettings

# Debian, Red Hat, Alpine and macOS. The libpq of psycopg2's wheel knows no place of its own.
PUBLIC_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def dsn_of(settings: DatabaseSettings) -> str:
    """For psycopg2.connect. Raises psycopg2.ProgrammingError for a URL that libpq cannot read."""
    return dsn(settings.database_url.get_secret_value(), settings.database_ca_file)


def direct_dsn_of(settings: WorkDatabaseSettings) -> str | None:
    """Past a pooler: the same user and password; None where nothing else is known."""
    if not settings.database_direct_host:
        return None
    url, ca_file = settings.database_url.get_secret_value(), settings.database_ca_file
    return dsn(url, ca_file, settings.database_direct_host)


def dsn(url: str, ca_file: Path | None = None, direct_host: str = "") -> str:
    """direct_host: host:port to put in the place of the URL's, or host:port/database."""
    words = parse_dsn(f"postgresql://{url.partition('://')[2]}")
    if direct_host:
        words |= parse_dsn(f"postgresql://{direct_host}")
    words = {"target_session_attrs": "read-write", **tls(words, ca_file), **words}
    return str(make_dsn(**words))


def tls(words: dict[str, str], ca_file: Path | None) -> dict[str, str]:
    """By default the server of another network must prove its name."""
    if ca_file:
        return {"sslmode": "verify-full", "sslrootcert": str(ca_file)}
    if all(is_near(host) for host in words.get("host", "").split(",")):
        return {}
    return {"sslmode": "verify-full", "sslrootcert": public_authorities()}


def is_near(host: str) -> bool:
    """This machine, or a name of the same Compose network or Kubernetes namespace."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.startswith(("/", "@")) or "." not in host


def public_authorities() -> str:
    """A file; else the word by which libpq asks its OpenSSL."""
    found = ssl.get_default_verify_paths().cafile
    candidates = [found, *PUBLIC_AUTHORITIES] if found else PUBLIC_AUTHORITIES
    return next((path for path in candidates if Path(path).is_file()), "system")
