"""The proxy that the environment names for an address: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

aiohttp's own `trust_env` reads them, and ~/.netrc, in two threads for every request.
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


class Proxies:
    """The environment's, as it was when this was made."""

    def __init__(self) -> None:
        self._by_scheme = getproxies()

    def of(self, url: str) -> str | None:
        """None: go there directly."""
        if not self._by_scheme:
            return None
        parts = urlsplit(url)
        if proxy_bypass(parts.netloc):
            return None
        return self._by_scheme.get(parts.scheme) or self._by_scheme.get("all")
