"""What the stack reads from the environment; the names are those of the services.

An external system is used as soon as its variable is set.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from common.service.settings import KafkaSettings

THIS_MACHINE = ("127.0.0.1", "localhost")


def cache_dir() -> Path:
    """Where downloads are kept between runs: $XDG_CACHE_HOME/conserje, else ~/.cache/conserje."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conserje"


def wants_colour(stream: TextIO) -> bool:
    """False when the stream is not a terminal or NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class Outside(KafkaSettings):
    """Everything optional; what is missing is started, or made up for this run."""

    kafka_bootstrap_servers: str = ""
    database_url: SecretStr | None = None
    database_ca_file: str = ""
    database_direct_host: str = ""
    database_pool_mode: str = ""
    whatsapp_app_secrets: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None
    whatsapp_access_token: SecretStr | None = None
    whatsapp_graph_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    ingress_port: int = 8000
    admin_port: int = 8001
    admin_api_key: SecretStr | None = None
    key_ring_file: Path | None = None
    allow_weak_secrets: str = ""
    allow_http_upstreams: str = ""
    chat_port: int = 8080
    model_delay_ms: float = 0


def inherited() -> Mapping[str, str]:
    """What every child gets besides its settings: a path, a home, a language, certificates, the way
    out, which does not lead to this machine."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "NO_COLOR")
    certificates = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
    given = {name: os.environ[name] for name in (*kept, *certificates) if name in os.environ}
    return given | proxies(os.environ)


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Both spellings are usual; libraries prefer the lower case one."""
    names = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    given = {name: environment.get(name) or environment.get(name.upper()) for name in names}
    found = {name: value for name, value in given.items() if value}
    if found.keys() - {"no_proxy"}:
        found["no_proxy"] = ",".join(filter(None, (found.get("no_proxy"), *THIS_MACHINE)))
    return found
