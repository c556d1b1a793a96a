"""The administration's own process under abuse by clients without a key: H5, L1, L13."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import psutil
import pytest
from tests.support.abuse import (
    HEAD,
    MIB,
    floods,
    half_sent_heads,
    highest_memory,
    send_flood,
)
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.tenant_admin import KEY, served

pytestmark = pytest.mark.integration
BEARER = f"Authorization: Bearer {KEY}\r\n".encode()
WRONG_KEY = "csj_aaaaaaaa_" + "x" * 43
FLOODS = floods(
    b"GET /v1/clients" + HEAD + BEARER + b"\r\n",
    b"POST /v1/clients" + HEAD + BEARER + b"Transfer-Encoding: chunked\r\n\r\n",
)
UNREAD = 9 * MIB


@pytest.fixture
def base(new_database: NewDatabase, kafka: Broker) -> Iterator[str]:
    with served(new_database(("tenant_admin", "admin")), kafka.settings) as url:
        yield url


@pytest.fixture
def port(base: str) -> int:
    return int(base.rpartition(":")[2])


def pid_of(port: int) -> int:
    [pid] = {
        one.pid
        for one in psutil.Process().children(recursive=True)
        for listening in one.net_connections()
        if listening.status == psutil.CONN_LISTEN and listening.laddr.port == port
    }
    return pid


def is_served(port: int) -> bool:
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"http://127.0.0.1:{port}/v1/clients"
    return httpx.get(url, headers=headers, timeout=20).status_code == 200


def test_60_mib_that_are_no_body_take_no_memory_while_others_are_served(port: int) -> None:
    pid = pid_of(port)
    for kind, flood in FLOODS.items():
        is_served(port)
        send_flood(port, flood, most=MIB)
        before = highest_memory(pid)
        with ThreadPoolExecutor() as threads:
            flooding = [threads.submit(send_flood, port, flood) for _ in range(2)]
            served_well = [is_served(port)]
            while not all(one.done() for one in flooding):
                served_well.append(is_served(port))
        assert all(served_well), kind
        assert highest_memory(pid) - before < 10 * MIB, kind


UNREAD_BODIES = {
    "no key": ("", 401),
    "no key's form": ("Authorization: Bearer nonsense\r\n", 401),
    "a wrong key": (f"Authorization: Bearer {WRONG_KEY}\r\n", 401),
    "a body above the route's limit": (f"Authorization: Bearer {KEY}\r\n", 413),
}


def test_a_refusal_comes_before_the_body_is_read_and_can_be_read(port: int) -> None:
    is_served(port)
    before = highest_memory(pid_of(port))
    for what, (authorization, status) in UNREAD_BODIES.items():
        head = f"POST /v1/clients HTTP/1.1\r\nHost: a\r\nContent-Length: {UNREAD}\r\n"
        head += f"Content-Type: application/json\r\n{authorization}\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(head.encode())
            refusal = client.recv(65_536)  # before a byte of the body was sent
            client.sendall(b"[" + b"0," * (UNREAD // 2 - 1) + b"]")  # and no reset afterwards
        assert refusal.startswith(f"HTTP/1.1 {status} ".encode()), what
        assert b"application/problem+json" in refusal
    assert is_served(port)
    assert highest_memory(pid_of(port)) - before < 10 * MIB


def test_a_route_takes_what_its_own_limit_allows(base: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    sizes = {
        "/v1/clients": 512 << 10,
        "/v1/assistants": 2048 << 10,
        "/v1/assistants/import?dry_run=true": 8192 << 10,
    }
    for path, most in sizes.items():
        for size, expected in ((most, {200, 422}), (most + 1, {413})):
            answer = httpx.post(base + path, content=b" " * size, headers=headers, timeout=60)
            assert answer.status_code in expected, (path, size, answer.text)


def test_half_sent_heads_and_silent_connections_keep_nobody_out_and_end(port: int) -> None:
    with half_sent_heads(port, 205) as clients:
        assert is_served(port)
        for client in clients:
            with suppress(ConnectionError):
                while client.recv(1000):
                    pass  # until it is closed: within ten seconds
