"""A change names what it is based on: nobody overwrites what somebody else has just changed."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from tests.support.tenant_admin import Admin

from tenant_admin.api.docs_page import operations
from tenant_admin.api.document import openapi

pytestmark = pytest.mark.integration
ASSISTANT = "/v1/assistants/asst_abc123xyz"
VERSION = {"name": "La Plaza", "instructions": "Open 13:00-16:00."}
# What changes a client or an assistant that is there, with a body that would be taken.
BODIES: Mapping[tuple[str, str], Any] = {
    ("patch", "/v1/clients/{client_id}"): {"name": "A"},
    ("delete", "/v1/clients/{client_id}"): None,
    ("post", "/v1/clients/{client_id}/activate"): None,
    ("post", "/v1/clients/{client_id}/deactivate"): None,
    ("put", "/v1/clients/{client_id}/secrets/{field}"): {"value": "EAAG-a-token"},
    ("delete", "/v1/clients/{client_id}/secrets/{field}"): None,
    ("delete", "/v1/assistants/{assistant_id}"): None,
    ("post", "/v1/assistants/{assistant_id}/versions"): VERSION,
    ("post", "/v1/assistants/{assistant_id}/publish"): {"version": 1},
}
NO_CHANGE_OF_AN_OBJECT = "conversations", "keys"


def test_every_change_of_a_client_or_an_assistant_is_in_the_list() -> None:
    changes = {
        (method, path)
        for method, path, operation in operations(openapi())
        if method != "get"
        and path.count("{")
        and not any(word in path for word in NO_CHANGE_OF_AN_OBJECT)
    }
    assert changes == set(BODIES)


@pytest.fixture
def without_header(admin: Admin) -> httpx.AsyncClient:
    del admin.http.headers["If-Match"]
    return admin.http


async def test_each_of_them_is_refused_without_the_version_and_with_an_older_one(
    admin: Admin, without_header: httpx.AsyncClient
) -> None:
    made = await admin.add()
    names = {"client_id": made["id"], "assistant_id": "asst_abc123xyz", "field": "access_token"}
    for (method, template), body in BODIES.items():
        more = {"json": body} if body else {}
        path = template.format(**names)
        statuses = [
            (await without_header.request(method, path, headers=headers, **more)).status_code
            for headers in ({}, {"If-Match": '"77"'}, {"If-Match": "last"}, {"If-Match": "3"})
        ]
        # Sealing needs a ring before it needs a version.
        stale = 503 if method == "put" else 412
        assert statuses == [428, stale, 422, 422], path
    assert (await without_header.get(f"/v1/clients/{made['id']}")).json()["version"] == 1


async def test_an_etag_is_given_with_every_answer_and_taken_for_the_next_change(
    admin: Admin, without_header: httpx.AsyncClient
) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}"
    tag = (await without_header.get(path)).headers["ETag"]
    for what, body in (("", {"name": "B"}), ("/deactivate", None), ("/activate", None)):
        method = "PATCH" if body else "POST"
        answer = await without_header.request(
            method, f"{path}{what}", json=body, headers={"If-Match": tag}
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["ETag"] != tag
        tag = answer.headers["ETag"]
    # As a proxy that compresses makes of it.
    weak = await without_header.delete(path, headers={"If-Match": f"W/{tag}"})
    assert weak.status_code == 204


async def test_two_editors_of_an_assistant_do_not_overwrite_each_other(
    admin: Admin, without_header: httpx.AsyncClient
) -> None:
    await admin.add()
    read = (await without_header.get(ASSISTANT)).headers["ETag"]

    async def change(what: str, body: Any, tag: str) -> httpx.Response:
        path = f"{ASSISTANT}/{what}"
        return await without_header.post(path, json=body, headers={"If-Match": tag})

    first = await change("versions", VERSION, read)
    assert (first.status_code, first.json()["version"]) == (201, 2)
    late = await change("versions", VERSION, read)
    assert (late.status_code, late.json()["errors"][0]["field"]) == (412, "If-Match")
    unpublished = await change("versions", VERSION | {"publish": False}, first.headers["ETag"])
    assert unpublished.headers["Location"] == f"{ASSISTANT}/versions/3"
    assert (await change("publish", {"version": 1}, first.headers["ETag"])).status_code == 412
    back = await change("publish", {"version": 1}, unpublished.headers["ETag"])
    tag = back.headers["ETag"]
    assert (await without_header.get(ASSISTANT)).headers["ETag"] == tag
    [listed] = (await without_header.get("/v1/assistants")).json()["items"]
    assert f'"{listed["changes"]}"' == tag
    assert len({read, first.headers["ETag"], unpublished.headers["ETag"], tag}) == 4


async def test_two_clients_do_not_share_a_phone(admin: Admin) -> None:
    first = await admin.add()
    second = await admin.add(phone_number_id="22222")
    phone = {"phone_number": first["phone_number"]}
    taken = await admin.http.patch(f"/v1/clients/{second['id']}", json=phone)
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "phone_number")
    assert f"client {first['id']}" in taken.json()["errors"][0]["message"]
