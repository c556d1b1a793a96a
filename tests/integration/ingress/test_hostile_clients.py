"""The ingress's own process under abuse, its broker away: memory is bounded, others are served."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import yaml
from tests.support.abuse import (
    HEAD,
    MIB,
    floods,
    forget_highest,
    highest_memory,
    send_flood,
)
from tests.support.ingress import SECRETS, TOKEN, signature
from tests.support.kafka import broker_at
from tests.support.processes import ROOT, ServiceProcess, running_service
from tests.support.waiting import eventually

from devkit.stack.ports import free_ports

pytestmark = pytest.mark.integration
SIGNED = f"X-Hub-Signature-256: {signature(b'x')['X-Hub-Signature-256']}\r\n".encode()
POST = b"POST /webhook" + HEAD + SIGNED
REQUEST = POST + b"Content-Length: 1\r\n\r\nx"
FLOODS = floods(REQUEST, POST + b"Transfer-Encoding: chunked\r\n\r\n")
HANDSHAKE = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "42"}


@contextmanager
def ingress(logs: Path, **settings: str) -> Iterator[tuple[ServiceProcess, int]]:
    """With a broker that is not there."""
    port, nothing = free_ports(2)
    settings |= {
        "WHATSAPP_APP_SECRETS": ",".join(SECRETS),
        "WHATSAPP_VERIFY_TOKEN": TOKEN,
        "INGRESS_PORT": str(port),
    }
    with running_service("ingress", broker_at(f"127.0.0.1:{nothing}"), logs, **settings) as service:
        eventually(lambda: is_served(port), "the handshake to be answered")
        yield service, port


def is_served(port: int) -> bool:
    with suppress(httpx.TransportError):
        answer = httpx.get(f"http://127.0.0.1:{port}/webhook", params=HANDSHAKE, timeout=20)
        return answer.status_code == 200
    return False


def test_60_mib_that_are_no_body_take_no_memory_while_others_are_served(tmp_path: Path) -> None:
    with ingress(tmp_path) as (service, port), ThreadPoolExecutor() as threads:
        for kind, flood in FLOODS.items():
            send_flood(port, flood, most=MIB)
            before = highest_memory(service.process.pid)
            flooding = [threads.submit(send_flood, port, flood) for _ in range(2)]
            served = [is_served(port)]
            while not all(one.done() for one in flooding):
                served.append(is_served(port))
            assert all(served), kind
            assert highest_memory(service.process.pid) - before < 10 * MIB, kind


def test_large_webhooks_while_the_broker_is_away_fit_the_limit_of_the_pod(tmp_path: Path) -> None:
    """D3 and L10: twice 90 of 3 MB at once, and 90 that are not signed."""
    with ingress(tmp_path) as (service, port):
        statuses = asyncio.run(posts(port, rounds=3))
        most = highest_memory(service.process.pid)
        forget_highest(service.process.pid)
        assert is_served(port)
        afterwards = highest_memory(service.process.pid)
    assert statuses <= {401, 503}
    assert most < 0.9 * pod_limit()
    assert afterwards < most - 40 * MIB  # given back to the system


async def posts(port: int, rounds: int) -> set[int]:
    body = b"x" * (3 * MIB)
    url = f"http://127.0.0.1:{port}/webhook"
    forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64}
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=90)) as http:
        statuses: set[int] = set()
        for number in range(rounds):
            headers = signature(body) if number < rounds - 1 else forged
            calls = [http.post(url, content=body, headers=headers) for _ in range(90)]
            statuses |= {answer.status_code for answer in await asyncio.gather(*calls)}
    return statuses


def pod_limit() -> int:
    """Bytes: of the container in deploy/k8s."""
    for document in yaml.safe_load_all((ROOT / "deploy/k8s/base/ingress.yaml").read_text()):
        if document["kind"] == "Deployment":
            [container] = document["spec"]["template"]["spec"]["containers"]
            return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * MIB
    raise AssertionError("no Deployment")


def test_silent_connections_to_the_health_port_take_no_threads_and_keep_no_probe_out(
    tmp_path: Path,
) -> None:
    with ingress(tmp_path) as (service, _):
        before = threads_of(service)
        silent = [
            socket.create_connection(("127.0.0.1", service.health_port), timeout=60)
            for _ in range(300)
        ]
        assert service.answers("/live")
        assert threads_of(service) <= before + 20
        for client in silent:
            client.close()


def threads_of(service: ServiceProcess) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/task").iterdir()))
