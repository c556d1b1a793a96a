"""Slows down guessing, before the database is asked: a network that failed often is told to wait.

A key that was valid within the hour always passes: many operators may share the address of one
proxy, and a guesser behind it must not lock them out. 256 random bits are beyond guessing anyway.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

LIMIT = 20
MOST = 600  # of all networks together; what is kept of them is no more than this
SECONDS = 60.0
KNOWN, KNOWN_SECONDS = 1000, 3600.0


class FailedKeys:
    """Wrong keys in the last minute. `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._recent = deque[tuple[float, str]]()
        self._by_network = Counter[str]()
        self._known = OrderedDict[bytes, float]()

    def refuses(self, network: str, key: str) -> bool:
        """Whether the key is not even to be looked at."""
        self._forget_old()
        is_braked = self._by_network[network] >= LIMIT or len(self._recent) >= MOST
        return is_braked and not self._is_known(key)

    def count_failure(self, network: str) -> bool:
        """True for the first of a network, which is worth an audit line."""
        self._forget_old()
        self._recent.append((self._now(), network))
        self._by_network[network] += 1
        return self._by_network[network] == 1

    def count_success(self, key: str) -> None:
        name = digest_of(key)
        self._known[name] = self._now()
        self._known.move_to_end(name)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def _is_known(self, key: str) -> bool:
        return self._now() - self._known.get(digest_of(key), -KNOWN_SECONDS) < KNOWN_SECONDS

    def _forget_old(self) -> None:
        since = self._now() - SECONDS
        while self._recent and self._recent[0][0] <= since:
            _, network = self._recent.popleft()
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]


def digest_of(key: str) -> bytes:
    return sha256(key.encode("utf-8", "replace")).digest()


def network_of(host: str) -> str:
    """Whoever has one IPv6 address has the 2^64 of its network; an IPv4 address stands for itself.

    What is no address, such as the path of a socket, too."""
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or IPv6Network((int(address), 64), strict=False))
    return str(address)
