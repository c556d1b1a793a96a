"""Files at the emulator: what a contact sends, a business may fetch, for five minutes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.whatsapp_emulator import BAKERY, GARAGE, LUCIA, TOKEN, Running, running

from devkit.emulators.whatsapp.identities import Business
from devkit.emulators.whatsapp.media_store import MediaStore

VOICE = b"OggS voice"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as emulator:
        yield emulator


@pytest.fixture
def meta(server: Running) -> Running:
    return server.fresh()


def kept(meta: Running, content: bytes = VOICE, kind: str = "audio/ogg", name: str = "") -> Any:
    parameters = {"filename": name} if name else {}
    headers = {"content-type": kind}
    response = meta.http.post(
        f"{meta.url}/control/media", params=parameters, content=content, headers=headers
    )
    assert response.status_code == 201, response.text
    return response.json()


def sent(meta: Running, media_id: str, **written: Any) -> Any:
    return meta.write(id=media_id, **({"text": ""} | written))


def asked(meta: Running, media_id: str, token: str = TOKEN, **parameters: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return meta.http.get(f"{meta.graph}/{media_id}", params=parameters, headers=headers)


def test_a_voice_note_is_sent_looked_up_and_downloaded(meta: Running) -> None:
    file = kept(meta)
    message = sent(meta, file["id"], kind="audio")
    assert message["audio"]["voice"] is True
    assert message["audio"]["mime_type"] == "audio/ogg"
    found = asked(meta, file["id"], phone_number_id=GARAGE.phone_number_id).json()
    assert found | file == found
    assert (found["file_size"], found["messaging_product"]) == (len(VOICE), "whatsapp")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert meta.http.get(found["url"], headers=headers).content == VOICE
    assert meta.http.get(found["url"]).status_code == 401


def test_a_document_keeps_its_name(meta: Running) -> None:
    file = kept(meta, b"%PDF-1.4", "application/pdf", "carta.pdf")
    message = sent(meta, file["id"], kind="document", text="¿Está todo?")
    document = message["document"]
    assert (document["filename"], document["caption"]) == ("carta.pdf", "¿Está todo?")
    assert meta.http.get(f"{meta.url}/control/media/{file['id']}").content == b"%PDF-1.4"


@pytest.mark.parametrize("name", ["missing", "not sent yet", "of another number", "other token"])
def test_a_file_of_nobody_or_of_others_does_not_exist(meta: Running, name: str) -> None:
    file = kept(meta)
    if name != "not sent yet":
        sent(meta, file["id"], kind="audio")
    answers = {
        "missing": lambda: asked(meta, "1"),
        "not sent yet": lambda: asked(meta, file["id"]),
        "of another number": lambda: asked(
            meta, file["id"], phone_number_id=BAKERY.phone_number_id
        ),
        "other token": lambda: asked(meta, file["id"], BAKERY.token or ""),
    }
    response = answers[name]()
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)


def test_a_wrong_token_is_told_so(meta: Running) -> None:
    response = asked(meta, kept(meta)["id"], token="wrong")
    assert (response.status_code, response.json()["error"]["code"]) == (401, 190)


@pytest.mark.parametrize(
    ("action", "status", "content"),
    [
        ({"status": 404}, 404, b""),
        ({"html": True}, 200, b"<!doctype html>"),
        ({"size": 3}, 200, b"\0\0\0"),
        ({"redirect": "https://elsewhere.test/x"}, 302, b""),
        ({"hang": 0.01}, 200, VOICE),
        ({"error": 131052}, 400, b'{"error":'),
    ],
)
def test_a_download_fails_on_order(
    meta: Running, action: dict[str, Any], status: int, content: bytes
) -> None:
    file = kept(meta)
    sent(meta, file["id"], kind="audio")
    meta.control("faults", phase="download", action=action, match={"text": file["id"]})
    url, headers = asked(meta, file["id"]).json()["url"], {"Authorization": f"Bearer {TOKEN}"}
    response = meta.http.get(url, headers=headers)
    assert response.status_code == status
    assert response.content.startswith(content)
    assert meta.http.get(url, headers=headers).content == VOICE, "only once"


def test_a_dropped_lookup(meta: Running) -> None:
    file = kept(meta)
    sent(meta, file["id"], kind="audio")
    meta.control("faults", phase="look_up", action={"drop": True})
    with pytest.raises(httpx.RemoteProtocolError):
        asked(meta, file["id"])


def uploaded(
    meta: Running, content: bytes, mime_type: str, business: Business = GARAGE, **data: Any
) -> httpx.Response:
    return meta.http.post(
        f"{meta.graph}/{business.phone_number_id}/media",
        headers={"Authorization": f"Bearer {business.token or TOKEN}"},
        data={"messaging_product": "whatsapp", "type": mime_type} | data,
        files={"file": ("a", content, mime_type)},
    )


@pytest.mark.parametrize(
    ("content", "mime_type", "data", "code"),
    [
        (b"x", "image/png", {"messaging_product": ""}, 100),
        (b"x", "image/png", {"type": ""}, 100),
        (b"x", "image/png", {"type": "image/jpeg"}, 100),
        (b"x", "image/gif", {}, 100),
        (b"", "image/png", {}, 131053),
        (bytes((5 << 20) + 1), "image/png", {}, 131053),
    ],
)
def test_only_what_meta_takes_is_uploaded(
    meta: Running, content: bytes, mime_type: str, data: dict[str, Any], code: int
) -> None:
    refused = uploaded(meta, content, mime_type, **data)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)


def test_an_uploaded_file_is_sent_by_its_id(meta: Running) -> None:
    meta.write()
    media_id = uploaded(meta, b"photo", "image/png").json()["id"]
    image = {"id": media_id, "caption": "Su mesa"}
    assert meta.send(type="image", image=image).status_code == 200
    page = meta.http.get(f"{meta.url}/", params={"contact": LUCIA.user_id}).text
    assert f'<img src="/control/media/{media_id}"' in page
    assert "Su mesa" in page


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("image", {"id": "1"}, 100),
        ("image", {"id": "MINE", "filename": "a.png"}, 100),
        ("image", {"id": "OTHER"}, 100),
        ("document", {"id": "MINE"}, 131053),
    ],
)
def test_a_message_with_a_file_that_may_not_be_sent_so_is_refused(
    meta: Running, kind: str, content: dict[str, str], code: int
) -> None:
    meta.write()
    ids = {
        "MINE": uploaded(meta, b"photo", "image/png").json()["id"],
        "OTHER": uploaded(meta, b"photo", "image/png", BAKERY).json()["id"],
    }
    message: dict[str, Any] = {kind: content | {"id": ids.get(content["id"], content["id"])}}
    assert meta.send(type=kind, **message).json()["error"]["code"] == code


def test_the_oldest_files_are_forgotten() -> None:
    store = MediaStore(kept=10)
    first, second, third = (store.put(b"12345", "text/plain") for _ in range(3))
    assert store.get(first.id) is None
    assert (store.get(second.id), store.get(third.id)) == (second, third)


def test_an_empty_file_is_refused(meta: Running) -> None:
    assert meta.http.post(f"{meta.url}/control/media").status_code == 422
