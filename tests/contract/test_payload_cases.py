"""Every webhook case of tests/contract/payloads: what the router makes of it, field by field.

A case is `webhook`, the body as Meta sends it, and `expect`, the records in order: topic, key and
the fields that matter (null: absent).
"""

from pathlib import Path

import orjson
import pytest
from tests.support.builders import TRACE
from tests.support.router import a_record, a_router, plain

from common.topics import BY_NAME, WEBHOOKS_QUARANTINE

CASES = sorted((Path(__file__).parent / "payloads").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_case_is_routed_as_expected(path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    records = a_router().router.route(a_record(orjson.dumps(case["webhook"]))).records
    routed = [plain(outgoing) for outgoing in records]
    picked = [
        {name: outgoing.get(name) for name in expected}
        for outgoing, expected in zip(routed, case["expect"], strict=True)
    ]
    assert picked == case["expect"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_event_decodes_and_keeps_the_trace_tenant_and_key(path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    for outgoing in a_router().router.route(a_record(orjson.dumps(case["webhook"]))).records:
        if outgoing.topic is WEBHOOKS_QUARANTINE:
            continue
        model = BY_NAME[outgoing.topic.name].event
        assert model is not None
        event = model.decode(outgoing.value)
        assert (event.tenant_id, event.trace_id) == (7, TRACE)
        assert outgoing.key == f"{event.phone_number_id}:{event.contact_id}"  # type: ignore[attr-defined]
        assert dict(outgoing.headers)["traceparent"].decode().split("-")[1] == TRACE
