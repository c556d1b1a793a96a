"""Whom a call of the model goes to."""

import hashlib
from dataclasses import dataclass, field

NO_KEY = "none"  # what servers without keys are sent: a bearer token cannot be empty


@dataclass(frozen=True, slots=True)
class ModelServer:
    """base_url: the client's own server, with its /v1; None: the installation's."""

    api_key: str = field(repr=False)
    base_url: str | None = None

    @property
    def fingerprint(self) -> bytes:
        """What calls of one server and key have in common: limits, accounts, what is refused."""
        return hashlib.sha256(f"{self.base_url}\n{self.api_key}".encode()).digest()
