"""The whole ingress over real TCP; only the broker is a stand-in."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from tests.support.components import FakeProducer
from tests.support.ingress import SECRETS, TOKEN, an_ingress, signature, url
from tests.support.waiting import eventually_async

from ingress.receive import BodyLimits


def webhook(*numbers: str) -> bytes:
    changes = [{"value": {"metadata": {"phone_number_id": number}}} for number in numbers]
    return orjson.dumps({"entry": [{"changes": changes}]})


async def post(
    address: str, content: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        signed = signature(content) if headers is None else headers
        return await client.post(address, content=content, headers=signed)


async def test_the_exact_bytes_are_published_once_per_number_before_the_200() -> None:
    producer, content = FakeProducer(), webhook("7", "8", "7")
    async with an_ingress(producer) as server:
        answer = await post(url(server), content)
    assert (answer.status_code, answer.content) == (200, b"")
    assert [record.key for record in producer.records] == ["7", "8"]
    assert {record.value for record in producer.records} == {content}
    assert {record.topic for record in producer.records} == {"webhooks.raw"}
    assert [record.headers["phone_number_id"] for record in producer.records] == [b"7", b"8"]
    assert all(record.headers["received_at"].isdigit() for record in producer.records)
    assert len({record.headers["traceparent"][3:35] for record in producer.records}) == 1


async def test_an_unreadable_body_is_kept_without_a_number() -> None:
    producer = FakeProducer()
    async with an_ingress(producer) as server:
        answer = await post(url(server), b"\xff not json")
    assert answer.status_code == 200
    assert [(record.key, record.value) for record in producer.records] == [("", b"\xff not json")]
    assert "phone_number_id" not in producer.records[0].headers


@pytest.mark.parametrize("secret", SECRETS)
async def test_both_secrets_are_accepted_during_a_rotation(secret: str) -> None:
    content = webhook("7")
    async with an_ingress(FakeProducer()) as server:
        answer = await post(url(server), content, signature(content, secret))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, signature(b"other bytes"), signature(webhook("7"), "of another app")],
    ids=["missing", "of other bytes", "of another app"],
)
async def test_a_bad_signature_creates_nothing(headers: dict[str, str]) -> None:
    producer = FakeProducer()
    async with an_ingress(producer) as server:
        answer = await post(url(server), webhook("7"), headers)
    assert (answer.status_code, answer.content, producer.records) == (401, b"", [])


async def test_a_repeated_signature_header_is_refused() -> None:
    content = webhook("7")
    twice = [("X-Hub-Signature-256", signature(content)["X-Hub-Signature-256"])] * 2
    async with an_ingress(FakeProducer()) as server, httpx.AsyncClient() as client:
        answer = await client.post(url(server), content=content, headers=twice)
    assert answer.status_code == 401


async def test_a_compressed_body_is_refused() -> None:
    packed = gzip.compress(webhook("7"))
    async with an_ingress(FakeProducer()) as server:
        answer = await post(url(server), packed, {**signature(packed), "Content-Encoding": "gzip"})
    assert answer.status_code == 415


async def test_three_megabytes_are_taken_and_one_byte_above_the_cap_is_not() -> None:
    producer, limit = FakeProducer(), BodyLimits().body_bytes
    async with an_ingress(producer) as server:
        largest = await post(url(server), b"x" * limit)
        above = await post(url(server), b"x" * (limit + 1))
    assert limit > 3 << 20
    assert (largest.status_code, above.status_code, len(producer.records)) == (200, 413, 1)


async def test_a_body_of_unknown_length_is_cut_at_the_cap() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 1024

    producer = FakeProducer()
    async with (
        an_ingress(producer, BodyLimits(body_bytes=8192)) as server,
        httpx.AsyncClient() as client,
    ):
        answer = await client.post(url(server), content=endless(), headers=signature(b""))
    assert (answer.status_code, producer.records) == (413, [])


async def test_held_bytes_are_bounded_and_given_back() -> None:
    producer = FakeProducer(hold=True)
    async with an_ingress(producer, BodyLimits(held_bytes=5000)) as server:
        first = asyncio.create_task(post(url(server), b"a" * 3000))
        await eventually_async(lambda: producer.records)
        refused = await post(url(server), b"b" * 3000)
        producer.records[0].ack.set_result(None)
        producer.hold = False
        after = await post(url(server), b"c" * 3000)
        accepted = await first
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert (accepted.status_code, after.status_code) == (200, 200)


async def test_no_ack_in_time_is_503() -> None:
    producer = FakeProducer(hold=True)
    async with an_ingress(producer, ack_seconds=0.05) as server:
        answer = await post(url(server), webhook("7", "8"))
    assert (answer.status_code, len(producer.records)) == (503, 2)


async def test_a_refusing_broker_is_503() -> None:
    async with an_ingress(FakeProducer(refuse=True)) as server:
        answer = await post(url(server), webhook("7", "8"))
    assert answer.status_code == 503


async def test_a_full_queue_is_503_at_once() -> None:
    async with an_ingress(FakeProducer(full=True)) as server:
        answer = await post(url(server), webhook("7"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_one_missing_ack_of_two_is_no_200() -> None:
    producer = FakeProducer(hold=True)
    async with an_ingress(producer, ack_seconds=0.2) as server:
        asking = asyncio.create_task(post(url(server), webhook("7", "8")))
        await eventually_async(lambda: len(producer.records) == 2)
        producer.records[0].ack.set_result(None)
        answer = await asking
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "42"}, 200, "42"),
        ({"hub.mode": "subscribe", "hub.verify_token": "x", "hub.challenge": "42"}, 403, ""),
        ({"hub.mode": "unsubscribe", "hub.verify_token": TOKEN, "hub.challenge": "42"}, 403, ""),
        ({}, 403, ""),
    ],
)
async def test_the_handshake(query: dict[str, str], status: int, text: str) -> None:
    async with an_ingress(FakeProducer()) as server, httpx.AsyncClient() as client:
        answer = await client.get(url(server), params=query)
    assert (answer.status_code, answer.text) == (status, text)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/redoc", "/metrics", "/webhook/"])
async def test_nothing_else_is_served(path: str) -> None:
    async with an_ingress(FakeProducer()) as server, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.port}{path}")
    assert answer.status_code == 404
    assert "server" not in answer.headers


async def test_a_webhook_in_hand_is_answered_while_the_server_stops() -> None:
    producer = FakeProducer(hold=True)
    async with an_ingress(producer) as server:
        asking = asyncio.create_task(post(url(server), webhook("7")))
        await eventually_async(lambda: producer.records)
        stopping = asyncio.create_task(server.stop())
        await eventually_async(lambda: refuses_connections(server.port))
        producer.records[0].ack.set_result(None)
        assert (await asking).status_code == 200
        await stopping


def refuses_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    "signature_header",
    ["", "sha256=", "sha256=" + "A" * 64, "sha1=" + "0" * 40, "SHA256=" + "0" * 64],
)
async def test_a_signature_without_its_form_is_refused_before_the_body_is_read(
    signature_header: str,
) -> None:
    async with an_ingress(FakeProducer()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = "POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n"
        writer.write(f"{head}X-Hub-Signature-256: {signature_header}\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.readline(), 20)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_signature_in_a_trailer_is_none() -> None:
    producer, content = FakeProducer(), webhook("7")
    signed = signature(content)["X-Hub-Signature-256"].encode()
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(content), content)
    async with an_ingress(producer) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = b"POST /webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + chunk + b"X-Hub-Signature-256: " + signed + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.readline(), 20)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert producer.records == []


async def test_more_numbers_than_could_be_stored_are_one_record_for_the_quarantine() -> None:
    producer = FakeProducer()
    content = webhook(*[str(number) for number in range(101)])
    async with an_ingress(producer) as server:
        answer = await post(url(server), content)
    assert answer.status_code == 200
    assert [(record.key, record.value) for record in producer.records] == [("", content)]
