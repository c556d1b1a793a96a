"""Calls of the Graph API and of the model go through the proxy that the environment names."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

pytestmark = pytest.mark.integration

CALL = """
import asyncio, sys
from assistant.openai.sdk_client import SdkClient
from assistant.whatsapp.media_client import MediaClient, WhatsAppNumber
from common.service.json_http import FAILED, NOT_SENT, JsonHttpClient, timeout
from tenant_admin.whatsapp.upload_media import MediaUploads, UploadNumber
async def model(url):
    client = SdkClient(1)
    await client.start()
    print(await client.post(url, "key", b"{}", 10.0))
    await client.stop()
async def graph(url):
    client = JsonHttpClient(1, 1000)
    await client.start()
    try:
        print(await client.post(url, "key", {}, timeout(10.0)))
    except FAILED as error:
        print("not sent" if isinstance(error, NOT_SENT) else "ambiguous")
    await client.stop()
async def upload(url):
    number = UploadNumber("1", "token")
    print(await MediaUploads(url, None).upload(number, "a.txt", b"words", "text/plain"))
async def media(url):
    client = MediaClient(url)
    await client.start()
    print(await client.look_up(WhatsAppNumber("1", "token"), "2"))
    await client.stop()
asyncio.run(globals()[sys.argv[1]](sys.argv[2]))
"""


class Proxy(ThreadingTCPServer):
    """Answers 200 itself, and lets nobody through a tunnel. heard: first lines, and who asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Proxy)
        first = self.rfile.readline().decode().strip()
        headers: dict[str, str] = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        self.rfile.read(int(headers.get("content-length", "0")))
        self.server.heard.append((first, headers.get("proxy-authorization")))
        status = "502 Bad Gateway" if first.startswith("CONNECT") else "200 OK"
        self.wfile.write(
            f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
        )


@contextmanager
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(who: str, url: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", CALL, who, url]
    ran = subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)
    return ran.stdout.decode()


@pytest.mark.parametrize("who", ["model", "graph"])
def test_a_call_goes_through_the_proxy_with_its_own_password(who: str) -> None:
    with proxy() as server:
        ours = {"HTTP_PROXY": f"http://me:secret@{server.address}"}
        assert "status=200" in call(who, "http://elsewhere.invalid/v1/x", ours)
        [(first, authorization)] = server.heard
    assert first == "POST http://elsewhere.invalid/v1/x HTTP/1.1"
    assert authorization == "Basic bWU6c2VjcmV0"


@pytest.mark.parametrize(
    ("who", "what_came"), [("model", "reason='connection'"), ("graph", "not sent")]
)
def test_a_tunnel_that_the_proxy_refuses_is_a_call_that_was_not_made(
    who: str, what_came: str
) -> None:
    with proxy() as server:
        ours = {"HTTPS_PROXY": f"http://{server.address}"}
        assert what_came in call(who, "https://elsewhere.invalid/v1/x", ours)
        assert [first for first, _ in server.heard] == ["CONNECT elsewhere.invalid:443 HTTP/1.1"]


@pytest.mark.parametrize("who", ["model", "graph", "upload", "media"])
def test_a4_every_way_to_meta_and_openai_goes_through_the_proxy(who: str) -> None:
    """With the two variables that Compose and Kubernetes pass on."""
    with proxy() as server:
        ours = {"HTTPS_PROXY": f"http://{server.address}", "NO_PROXY": "kafka,postgres"}
        call(who, "https://elsewhere.invalid/v26.0", ours)
        assert {first for first, _ in server.heard} == {"CONNECT elsewhere.invalid:443 HTTP/1.1"}


@pytest.mark.parametrize("who", ["upload", "media"])
def test_a_file_in_the_clear_goes_through_the_proxy_too(who: str) -> None:
    with proxy() as server:
        call(who, "http://elsewhere.invalid/v26.0", {"HTTP_PROXY": f"http://{server.address}"})
        [first, *_] = [line for line, _ in server.heard]
    assert first.split()[1].startswith("http://elsewhere.invalid/v26.0/")


@pytest.mark.parametrize("who", ["model", "graph"])
def test_what_no_proxy_names_is_called_directly(who: str) -> None:
    with proxy() as other, proxy() as target:
        ours = {"HTTP_PROXY": f"http://{other.address}", "NO_PROXY": "127.0.0.1"}
        assert "status=200" in call(who, f"http://{target.address}/v1/x", ours)
        assert (len(other.heard), len(target.heard)) == (0, 1)
