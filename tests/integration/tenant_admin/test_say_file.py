"""A person's file goes to WhatsApp; what is published is its id, and nothing when it is refused."""

import asyncio
import gc
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from tests.support.kafka import Broker
from tests.support.loopback import serve
from tests.support.records import await_events
from tests.support.tenant_admin import PLAZA, Admin, command, running
from tests.support.whatsapp_emulator import GARAGE, TOKEN, Running
from tests.support.whatsapp_emulator import running as running_whatsapp

from common.events import ConversationCommand
from common.key_rings import KeyRings
from common.topics import CONVERSATIONS_COMMANDS
from ops.service_rings import rings_for
from tenant_admin.api.file_forms import MAX_FORM
from tenant_admin.whatsapp.upload_media import MediaUploads, UploadNumber

pytestmark = pytest.mark.integration
CONTACT = "ES.13491208655302741918"
PDF, JPEG = b"%PDF-1.7 menu", b"\xff\xd8\xff\xe0 photo"
NUMBER_ID = GARAGE.phone_number_id
NUMBER = {"phone_number_id": NUMBER_ID}
Files = dict[str, tuple[str, bytes]]


@pytest.fixture(scope="module")
def whatsapp_server() -> Iterator[Running]:
    with running_whatsapp() as started:
        yield started


@pytest.fixture
def whatsapp(whatsapp_server: Running) -> Running:
    return whatsapp_server.fresh()


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring.json"
    path.write_text(KeyRings.fresh().text())
    return path


@pytest.fixture
async def admin(url: str, kafka: Broker, whatsapp: Running, ring: Path) -> AsyncIterator[Admin]:
    uploads = MediaUploads(whatsapp.graph, TOKEN)
    async with running(url, kafka.settings, ring, uploads) as started:
        yield started


async def commands(kafka: Broker, count: int) -> list[ConversationCommand]:
    return await asyncio.to_thread(
        await_events, kafka.settings, CONVERSATIONS_COMMANDS, ConversationCommand, count
    )


async def send(admin: Admin, client: int, files: Files, **more: Any) -> Any:
    path = f"/v1/clients/{client}/conversations/{CONTACT}/say-file"
    return await admin.http.post(path, files=files, **more)


async def audited(admin: Admin) -> list[Any]:
    return await admin.rows("select from audit_log where action like 'conversation.%%'")


async def test_a_document_is_at_whatsapp_and_its_id_is_the_command(
    admin: Admin, kafka: Broker, whatsapp: Running
) -> None:
    client = (await admin.add(**NUMBER))["id"]
    answer = await send(
        admin, client, {"file": ("C:\\Menú.pdf", PDF)}, data={"caption": "El menú de hoy"}
    )
    assert (answer.status_code, answer.json()["what"]) == (202, "say")
    [event] = await commands(kafka, 1)
    assert (event.event_id, event.text) == (answer.json()["command_id"], None)
    assert event.media
    assert event.media.model_dump(exclude={"id"}) == {
        "kind": "document",
        "mime_type": "application/pdf",
        "filename": "Menú.pdf",
        "caption": "El menú de hoy",
    }
    stored = await asyncio.to_thread(
        whatsapp.http.get, f"{whatsapp.url}/control/media/{event.media.id}"
    )
    assert stored.content == PDF
    assert len(await audited(admin)) == 1


async def test_a_request_that_is_repeated_is_one_command_though_the_id_is_another(
    admin: Admin, kafka: Broker
) -> None:
    client, headers = (await admin.add(**NUMBER))["id"], {"X-Request-Id": "crm-77"}
    for content, caption in ((PDF, ""), (PDF, ""), (PDF, "Hoy"), (JPEG, "")):
        files, data = {"file": ("a", content)}, {"caption": caption}
        assert (await send(admin, client, files, data=data, headers=headers)).status_code == 202
    first, again, *others = await commands(kafka, 4)
    assert first.media
    assert again.media
    assert first.media.caption is None
    assert first.media.id != again.media.id
    assert first.event_id == again.event_id
    assert len({event.event_id for event in (first, *others)}) == 3


@pytest.mark.parametrize(
    ("files", "data", "status", "field"),
    [
        ({"file": ("a.pdf", b"MZ\x90\x00")}, {}, 422, "file"),
        ({"file": ("a.pdf", b"")}, {}, 422, "file"),
        ({"file": ("a.pdf", PDF)}, {"caption": "x" * 1025}, 422, "caption"),
        ({"file": ("a.pdf", PDF)}, {"text": "x"}, 422, "text"),
        ({"other": ("a.pdf", PDF)}, {}, 422, "other"),
        ({"file": ("a.pdf", PDF), "two": ("b.pdf", PDF)}, {}, 400, "request"),
        ({"file": ("a.pdf", PDF + bytes(MAX_FORM))}, {}, 413, "file"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_published(
    admin: Admin, files: Files, data: dict[str, str], status: int, field: str
) -> None:
    client = (await admin.add(**NUMBER))["id"]
    answer = await send(admin, client, files, data=data)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)
    assert await audited(admin) == []


async def test_a_body_that_is_no_form_and_a_client_that_is_not_there(admin: Admin) -> None:
    client = (await admin.add(**NUMBER))["id"]
    path = f"/v1/clients/{client}/conversations/{CONTACT}/say-file"
    answer = await admin.http.post(path, json={"text": "Hola"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "file")
    assert (await send(admin, 99, {"file": ("a.pdf", PDF)})).status_code == 404


async def test_without_the_scope_the_body_is_not_even_read(admin: Admin) -> None:
    client = (await admin.add(**NUMBER))["id"]
    made = await admin.http.post("/v1/keys", json={"name": "crm", "scopes": ["clients:write"]})
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"--x\r\n"

    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    headers["Content-Type"] = "multipart/form-data; boundary=x"
    path = f"/v1/clients/{client}/conversations/{CONTACT}/say-file"
    answer = await admin.http.post(path, content=body(), headers=headers)
    assert (answer.status_code, read) == (403, 0)


async def test_a_client_with_a_token_of_its_own_uploads_with_it(
    admin: Admin, kafka: Broker, whatsapp: Running
) -> None:
    client = (await admin.add(**NUMBER))["id"]
    path = f"/v1/clients/{client}/secrets/access_token"
    await admin.http.put(path, json={"value": "EAAG-not-valid-here"})
    refused = await send(admin, client, {"file": ("a.pdf", PDF)})
    error = refused.json()["errors"][0]
    assert (refused.status_code, error["field"]) == (502, "access_token")
    assert "code 190" in error["message"]
    await admin.http.put(path, json={"value": TOKEN})
    assert (await send(admin, client, {"file": ("a.pdf", PDF)})).status_code == 202
    assert len(await commands(kafka, 1)) == 1


async def test_m9b_with_public_keys_only_the_clients_own_token_is_not_read(
    admin: Admin, ring: Path
) -> None:
    client = (await admin.add(**NUMBER))["id"]
    path = f"/v1/clients/{client}/secrets/access_token"
    await admin.http.put(path, json={"value": TOKEN})
    ring.write_text(rings_for("tenant-admin", KeyRings.read(ring)).text())
    refused = await send(admin, client, {"file": ("a.pdf", PDF)})
    error = refused.json()["errors"][0]
    assert (refused.status_code, error["field"]) == (503, "access_token")
    assert "ADMIN_OPENS_TOKENS" in error["fix"]
    assert (await admin.http.delete(path)).status_code == 200
    assert (await send(admin, client, {"file": ("a.pdf", PDF)})).status_code == 202


async def test_a_file_that_was_uploaded_is_let_go_at_once(whatsapp: Running) -> None:
    """Not only when Python looks for cycles: files of 16 MB would pile up until then."""
    uploads, number = MediaUploads(whatsapp.graph, TOKEN), UploadNumber(NUMBER_ID, TOKEN)
    gc.collect()
    gc.disable()
    try:
        assert isinstance(await uploads.upload(number, "a.pdf", PDF, "application/pdf"), str)
        files = [one for one in gc.get_objects() if isinstance(one, io.BytesIO) and not one.closed]
        assert PDF not in [file.getvalue() for file in files]
    finally:
        gc.enable()


async def test_without_any_token_nothing_is_tried(
    url: str, kafka: Broker, whatsapp: Running
) -> None:
    uploads = MediaUploads(whatsapp.graph, None)
    async with running(url, kafka.settings, None, uploads) as admin:
        client = (await admin.add(**NUMBER))["id"]
        answer = await send(admin, client, {"file": ("a.pdf", PDF)})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (503, "access_token")


async def refuse_type(request: Request) -> Response:
    return Response('{"error":{"code":100}}', 400)


async def overloaded(request: Request) -> Response:
    return Response("<html>", 502)


async def redirect(request: Request) -> Response:
    return RedirectResponse("http://elsewhere.test/", 307)


async def never(request: Request) -> Response:
    await asyncio.sleep(3600)
    return Response()


@contextmanager
def graph(answer: Callable[[Request], Any]) -> Iterator[str]:
    routes = [Route("/v26.0/{number}/media", answer, methods=["POST"])]
    with serve(Starlette(routes=routes)) as url:
        yield f"{url}/v26.0"


@pytest.mark.parametrize(
    ("answer", "seconds", "status"),
    [
        (refuse_type, 60.0, 502),
        (overloaded, 60.0, 503),
        (redirect, 60.0, 503),
        (never, 0.2, 503),
    ],
)
async def test_what_meta_refuses_is_told_and_nothing_is_published(
    url: str,
    kafka: Broker,
    answer: Callable[[Request], Any],
    seconds: float,
    status: int,
) -> None:
    with graph(answer) as graph_url:
        uploads = MediaUploads(graph_url, TOKEN, seconds)
        async with running(url, kafka.settings, None, uploads) as admin:
            client = (await admin.add(**NUMBER))["id"]
            refused = await send(admin, client, {"file": ("a.pdf", PDF)})
            error = refused.json()["errors"][0]
            assert (refused.status_code, error["field"]) == (status, "file")
            assert "nothing was sent" in error["message"]
            assert await audited(admin) == []


async def test_a_graph_that_is_not_there_is_told(url: str, kafka: Broker) -> None:
    async with running(
        url,
        kafka.settings,
        None,
        MediaUploads("http://127.0.0.1:9/v26.0", TOKEN),
    ) as admin:
        client = (await admin.add(**NUMBER))["id"]
        answer = await send(admin, client, {"file": ("a.pdf", PDF)})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (503, "file")


def test_the_command_line_sends_the_same(
    url: str, kafka: Broker, whatsapp: Running, tmp_path: Path
) -> None:
    photo, program = tmp_path / "mesa.jpg", tmp_path / "a.pdf"
    photo.write_bytes(JPEG)
    program.write_bytes(b"MZ\x90\x00")
    variables = {
        "DATABASE_URL": url,
        **kafka.settings.kafka_environment(),
        "WHATSAPP_GRAPH_URL": whatsapp.graph,
        "WHATSAPP_ACCESS_TOKEN": TOKEN,
    }

    def manage(*words: str, stdin: str = "") -> Any:
        return command("manage_clients.py", *words, stdin=stdin, **variables)

    client = PLAZA | NUMBER
    manage("add", client["name"], client["phone_number"], GARAGE.phone_number_id, "asst_abc123xyz")
    ran = manage("say", "1", CONTACT, "--file", str(photo), "--caption", "Su mesa")
    assert ran.returncode == 0, ran.stderr
    ran = manage("say", "1", CONTACT, "--file", "-", "--name", "precios.txt", stdin="Pan: 1,20 €")
    assert ran.returncode == 0, ran.stderr
    photo_said, text_said = await_events(
        kafka.settings, CONVERSATIONS_COMMANDS, ConversationCommand, 2
    )
    assert photo_said.media
    assert (photo_said.media.kind, photo_said.media.caption) == ("image", "Su mesa")
    assert text_said.media
    assert (text_said.media.kind, text_said.media.filename) == ("document", "precios.txt")
    for words, field in (
        (("--file", str(program)), "file"),
        (("--file", "-"), "file"),
        (("--file", str(tmp_path / "none")), "file"),
        (("Hola", "--file", str(photo)), "text"),
        (("Hola", "--caption", "x"), "caption"),
        ((), "text"),
    ):
        refused = manage("say", "1", CONTACT, *words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"error: {field}:" in refused.stderr
