"""What the API makes of odd requests: refused with a name for what is wrong, never a failure."""

import json
from typing import Any

import httpx
import pytest
from tests.support.tenant_admin import KEY, PLAZA, Admin

pytestmark = pytest.mark.integration
OTHER = {"phone_number": "+34600000002", "phone_number_id": "22222"}


def fields_of(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    "settings",
    [
        {"opt_out_words": ["x" * 300_000]},
        {"opt_out_words": ["x"] * 51},
        {"handoff_words": ["x"] * 5_000},
        {"business_hours": [{"weekday": 1, "opens": "09:00", "closes": "10:00"}] * 22},
        {"daily_token_budget": 2**64},
        {"monthly_token_budget": 10**30},
    ],
)
async def test_a_setting_that_no_topic_takes_is_refused_and_the_client_goes_on(
    admin: Admin, settings: dict[str, Any]
) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}"
    refused = await admin.http.patch(path, json={"settings": settings})
    assert (refused.status_code, fields_of(refused)[0].split(".")[0]) == (422, "settings")
    new = PLAZA | OTHER | {"settings": settings}
    assert (await admin.http.post("/v1/clients", json=new)).status_code == 422
    assert (await admin.http.post(f"{path}/deactivate")).json()["active"] is False


async def test_instructions_of_control_characters_are_refused(admin: Admin) -> None:
    """Each is six bytes in JSON: the event was larger than its topic takes."""
    form = {"assistant_id": "asst_1", "name": "A", "instructions": "\x01" * 256_000}
    refused = await admin.http.post("/v1/assistants", json=form)
    assert (refused.status_code, fields_of(refused)) == (422, ["instructions"])


async def test_a_key_ends_within_two_years_and_the_list_of_keys_stays_readable(
    admin: Admin,
) -> None:
    for expires in ("9999-12-31T23:59:59-14:00", "2099-01-01T00:00:00Z", 10**12):
        form = {"name": "crm", "scopes": ["clients:read"], "expires": expires}
        refused = await admin.http.post("/v1/keys", json=form)
        assert (refused.status_code, fields_of(refused)) == (422, ["expires"])
    assert (await admin.http.get("/v1/keys")).status_code == 200


async def test_a_misspelt_filter_does_not_list_everything(admin: Admin) -> None:
    await admin.add()
    for query, fields in (
        ("activ=true", ["activ"]),
        ("limit=5&limit=6", ["limit"]),
        ("active=yes", ["active"]),
        ("name=%00", ["name"]),
        ("a=1&b=2", ["a", "b"]),
    ):
        refused = await admin.http.get(f"/v1/clients?{query}")
        assert (refused.status_code, fields_of(refused)) == (422, fields), query
    assert (await admin.http.get("/v1/clients/1?limit=5")).status_code == 422
    assert (await admin.http.post("/v1/clients?dry_run=true", json=PLAZA)).status_code == 422
    answer = await admin.http.get("/v1/clients?activ=true", headers={"Authorization": "x"})
    assert answer.status_code == 401


async def test_filters_and_search_show_what_every_one_of_them_lets_through(admin: Admin) -> None:
    plaza = (await admin.add(name="La Plaza"))["id"]
    percent = (await admin.add(name="100% Sol", phone_number_id="22222", assistant_id="asst_sol"))[
        "id"
    ]
    await admin.http.post(f"/v1/clients/{percent}/deactivate")
    for query, ids in (
        ({"active": "true"}, [plaza]),
        ({"active": "false"}, [percent]),
        ({"name": "la p"}, [plaza]),
        ({"name": "plaza"}, []),
        ({"name": "100%"}, [percent]),
        ({"name": "1%"}, []),
        ({"search": "PLAZA"}, [plaza]),
        ({"search": "2222"}, [percent]),
        ({"search": "+34"}, [plaza, percent]),
        ({"phone_number_id": "22222", "active": "true"}, []),
        ({"assistant_id": "asst_sol"}, [percent]),
    ):
        answer = await admin.http.get("/v1/clients", params=query)
        assert [client["id"] for client in answer.json()["items"]] == ids, query
    found = await admin.http.get("/v1/assistants", params={"search": "sol", "name": "100"})
    assert [each["assistant_id"] for each in found.json()["items"]] == ["asst_sol"]


async def test_the_last_page_is_full_and_names_no_other(admin: Admin) -> None:
    for n in range(4):
        await admin.add(phone_number_id=str(10000 + n), assistant_id=f"asst_{n}")
        await admin.http.post("/v1/keys", json={"name": f"key {n}", "scopes": ["clients:read"]})
    for path in ("/v1/clients", "/v1/assistants", "/v1/keys", "/v1/audit"):
        params: dict[str, str | int] = {"limit": 2}
        sizes = []
        while params:
            page = (await admin.http.get(path, params=params)).json()
            sizes.append(len(page["items"]))
            params = {"limit": 2, "after": page["next"]} if page["next"] else {}
        assert set(sizes) == {2}, path


async def test_a_method_that_a_path_does_not_take_is_answered_with_those_it_takes(
    admin: Admin,
) -> None:
    for path, allowed in (
        ("/v1/clients", "GET, POST"),
        ("/v1/clients/1", "GET, PATCH, DELETE"),
        ("/v1/clients/1/activate", "POST"),
        ("/docs", "GET, HEAD"),
    ):
        answer = await admin.http.put(path, json={})
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_repeated_request_is_done_once_and_answered_alike(admin: Admin) -> None:
    client = json.dumps(PLAZA).encode()
    assistant = json.dumps({"assistant_id": "asst_1", "name": "A", "instructions": "B"}).encode()
    version = json.dumps({"name": "A", "instructions": "C"}).encode()
    key = json.dumps({"name": "crm", "scopes": ["clients:read"]}).encode()
    for path, body in (
        ("/v1/clients", client),
        ("/v1/assistants", assistant),
        ("/v1/assistants/asst_1/versions", version),
        ("/v1/keys", key),
    ):
        headers = {"Idempotency-Key": f"once:{path}", "Content-Type": "application/json"}
        first, again = [
            await admin.http.post(path, content=body, headers=headers) for _ in range(2)
        ]
        assert (first.status_code, again.status_code) == (201, 201), first.text
        assert first.json() == again.json()
        for header in ("ETag", "Location"):
            assert first.headers.get(header) == again.headers.get(header)
        other = await admin.http.post(path, content=body + b" ", headers=headers)
        assert (other.status_code, fields_of(other)) == (422, ["Idempotency-Key"])
    assert await admin.rows("select count(*) from api_key") == [(1,)]
    assert await admin.rows("select count(*) from clients") == [(1,)]
    assert await admin.rows("select max(version) from assistant_version") == [(2,)]


async def test_what_is_stored_of_an_answer_shows_nobody_the_new_key(admin: Admin) -> None:
    form = {"name": "crm", "scopes": ["clients:write", "clients:read"]}
    headers = {"Idempotency-Key": "one"}
    made = (await admin.http.post("/v1/keys", json=form, headers=headers)).json()
    [(stored,)] = await admin.rows("select idempotent_request::text from idempotent_request")
    secret = made["key"].split("_", 2)[2]
    assert secret not in stored
    assert secret.encode().hex() not in stored
    assert KEY not in stored
    # The same text from somebody else is another request.
    own = {"Authorization": f"Bearer {made['key']}", "Idempotency-Key": "one"}
    assert (await admin.http.post("/v1/clients", json=PLAZA, headers=own)).status_code == 201


async def test_what_was_refused_may_be_sent_again_with_its_key(admin: Admin) -> None:
    headers = {"Idempotency-Key": "one"}
    taken = await admin.add()
    assert (await admin.http.post("/v1/clients", json=PLAZA, headers=headers)).status_code == 409
    await admin.http.delete(f"/v1/clients/{taken['id']}")
    assert (await admin.http.post("/v1/clients", json=PLAZA, headers=headers)).status_code == 201
