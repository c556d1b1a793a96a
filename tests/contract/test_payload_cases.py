"""Every webhook case of tests/contract/payloads: what the router makes of it, field by field.

A case is `webhook`, the body as Meta sends it, and `expect`, the records in order: topic, key and
the fields that matter (null: absent). `number` null: as the ingress marks a body without a number.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.builders import TRACE
from tests.support.router import NUMBER, a_record, a_router, plain

from common.events import AccountNews
from common.kafka.record import OutgoingRecord
from common.topics import BY_NAME, WEBHOOKS_QUARANTINE

CASES = sorted((Path(__file__).parent / "payloads").glob("*.json"))


def records_of(case: dict[str, Any]) -> list[OutgoingRecord]:
    record = a_record(orjson.dumps(case["webhook"]), number=case.get("number", NUMBER))
    return a_router().router.route(record).records


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_case_is_routed_as_expected(path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    routed = [plain(outgoing) for outgoing in records_of(case)]
    picked = [
        {name: outgoing.get(name) for name in expected}
        for outgoing, expected in zip(routed, case["expect"], strict=True)
    ]
    assert picked == case["expect"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_event_decodes_and_keeps_the_trace_tenant_and_key(path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    for outgoing in records_of(case):
        if outgoing.topic is WEBHOOKS_QUARANTINE:
            continue
        model = BY_NAME[outgoing.topic.name].event
        assert model is not None
        event = model.decode(outgoing.value)
        if isinstance(event, AccountNews):
            key, tenant = event.phone_number_id or event.waba_id, 7 if event.phone_number_id else 1
        else:
            key, tenant = f"{event.phone_number_id}:{event.contact_id}", 7  # type: ignore[attr-defined]
        assert (event.tenant_id, event.trace_id, outgoing.key) == (tenant, TRACE, key)
        assert dict(outgoing.headers)["traceparent"].decode().split("-")[1] == TRACE
