"""A router with one client, and its records as plain values."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from tests.support.builders import TRACE, a_tenant
from tests.support.clock import FixedClock

from common.events import TenantConfig
from common.kafka.record import OutgoingRecord, Record
from common.topics import WEBHOOKS_QUARANTINE, WEBHOOKS_RAW
from router.dedup import RecentlyRouted
from router.route import Router

NUMBER = "106540352242922"
ACCOUNT = "215589313241560"
NOW = datetime.fromtimestamp(1795600000, UTC) + timedelta(seconds=2)


def a_client(active: bool = True, number: str = NUMBER, tenant_id: int = 7) -> TenantConfig:
    return a_tenant(phone_number_id=number, active=active, tenant_id=tenant_id)


def a_record(
    value: bytes | None, number: str | None = NUMBER, offset: int = 0, **headers: bytes
) -> Record:
    """As the ingress writes it."""
    common = {
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01".encode(),
        "received_at": str(int(NOW.timestamp() * 1000)).encode(),
    }
    own = {"phone_number_id": number.encode()} if number else {}
    key = (number or "").encode()
    return Record(WEBHOOKS_RAW.name, 3, offset, key, value, common | own | headers)


@dataclass
class Setup:
    """`clients` may be changed between records, as the view is. The account of every number is
    known already: to tell it again is no part of what a test is about."""

    clients: dict[str, TenantConfig]
    recent: RecentlyRouted
    router: Router
    account_of_numbers: dict[str, str]


def a_router(*clients: TenantConfig) -> Setup:
    known = {client.phone_number_id: client for client in clients or (a_client(),)}
    recent = RecentlyRouted(1000)
    accounts = dict.fromkeys(known, ACCOUNT)
    router = Router(known.get, recent, FixedClock(NOW), accounts)
    return Setup(known, recent, router, accounts)


def plain(outgoing: OutgoingRecord) -> dict[str, Any]:
    """Topic, key and the event's fields; of a set-aside webhook its reason."""
    if outgoing.topic is WEBHOOKS_QUARANTINE:
        fields = {"reason": dict(outgoing.headers)["reason"].decode()}
    else:
        fields = orjson.loads(outgoing.value or b"")
    return {"topic": outgoing.topic.name, "key": outgoing.key, **fields}
