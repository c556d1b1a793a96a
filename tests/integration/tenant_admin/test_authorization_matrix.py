"""Every route x {own, other, missing, deleted} x {role of the key} x {key of all clients, of some}.

The routes are those of the application; a route that has no line in ROUTES fails.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import httpx
import pytest
from tests.support.tenant_admin import PLAZA, Admin

from tenant_admin.api.docs_page import operations
from tenant_admin.api.document import openapi
from tenant_admin.core.key_rights import ROLES

pytestmark = pytest.mark.integration
VERSION = {"name": "A", "instructions": "Open at noon."}
CONTACT = "34600111222"
PLACES = ("own", "other", "missing", "deleted")


class Route(NamedTuple):
    """status: of a key that may use it, on what is there. Changes are based on an old version
    (412), so that the next key finds what this one did."""

    status: int
    body: Any = None
    query: Mapping[str, str] = {}
    of_all_clients: bool = False
    of_keys: bool = False


TAKEN = PLAZA | {"phone_number_id": "10001"}
ROUTES: Mapping[str, Route] = {
    "list_clients": Route(200),
    "add_client": Route(409, TAKEN, of_all_clients=True),
    "read_client": Route(200),
    "change_client": Route(412, {"name": "B"}),
    "delete_client": Route(412),
    "activate_client": Route(412),
    "deactivate_client": Route(412),
    "read_usage": Route(200),
    "read_health": Route(200),
    "put_secret": Route(412, {"value": "a-token-of-tests"}),
    "remove_secret": Route(412),
    "read_news": Route(200, of_all_clients=True),
    "take_over": Route(202),
    "resume": Route(202),
    "say": Route(202, {"text": "Hola"}),
    "say_file": Route(503),  # no token: it was looked for, so the client was found
    "opt_out": Route(202),
    "opt_in": Route(202),
    "list_assistants": Route(200),
    "add_assistant": Route(409, VERSION | {"assistant_id": "asst_own"}, of_all_clients=True),
    "import_assistants": Route(200, [], {"dry_run": "true"}, of_all_clients=True),
    "read_assistant": Route(200),
    "delete_assistant": Route(412),
    "list_versions": Route(200),
    "add_version": Route(412, VERSION),
    "read_version": Route(200),
    "publish_version": Route(412, {"version": 1}),
    "list_keys": Route(200),
    "add_key": Route(409, {"name": "bootstrap", "scopes": ["clients:read"], "clients": [1]}),
    "revoke_key": Route(200, of_keys=True),
    "read_audit_log": Route(200),
}


@dataclass(frozen=True)
class Subject:
    role: str
    is_limited: bool
    key: str

    def may(self, scope: str, route: Route) -> bool:
        has_scope = scope in dict(ROLES.items())[self.role]  # type: ignore[index]
        return has_scope and not (route.of_all_clients and self.is_limited)


@dataclass(frozen=True)
class World:
    """ids: by place, then by the name of a path's parameter."""

    http: httpx.AsyncClient
    ids: Mapping[str, Mapping[str, Any]]
    subjects: list[Subject]


@pytest.fixture
async def world(either: Admin) -> World:
    http = either.http
    made = {
        place: await either.add(
            name=place, assistant_id=f"asst_{place}", phone_number_id=f"1000{number}"
        )
        for number, place in enumerate(("own", "other", "deleted"), 1)
    }
    assert made["own"]["id"] == 1, "which add_key names"
    clients = {place: client["id"] for place, client in made.items()} | {"missing": 9999}
    keys = {"missing": "zzzzzzzz"}
    for place in ("own", "other", "deleted"):
        form = {"name": place, "scopes": ["clients:read"], "clients": [clients[place]]}
        keys[place] = (await http.post("/v1/keys", json=form)).json()["prefix"]
    subjects = [
        Subject(role, is_limited, await new_key(http, role, is_limited, clients))
        for role, is_limited in product(ROLES, (False, True))
    ]
    for path in (f"clients/{clients['deleted']}", "assistants/asst_deleted"):
        assert (await http.delete(f"/v1/{path}")).status_code == 204
    assert (await http.delete(f"/v1/keys/{keys['deleted']}")).status_code == 200
    ids = {
        place: {
            "client_id": clients[place],
            "assistant_id": f"asst_{place}",
            "prefix": keys[place],
            "contact": CONTACT,
            "field": "access_token",
            "version": 1,
        }
        for place in PLACES
    }
    return World(http, ids, subjects)


async def new_key(
    http: httpx.AsyncClient, role: str, is_limited: bool, clients: Mapping[str, int]
) -> str:
    own = [clients["own"], clients["deleted"]] if is_limited else None
    form = {"name": f"{role} {is_limited}", "role": role, "clients": own}
    answer = await http.post("/v1/keys", json=form)
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


class Case(NamedTuple):
    subject: Subject
    method: str
    path: str
    route: Route
    scope: str
    place: str

    @property
    def expected(self) -> int:
        if not self.subject.may(self.scope, self.route):
            return 403
        if not OBJECTS.search(self.path):
            return self.route.status
        seen = {"own"} if self.subject.is_limited else {"own", "other"}
        if self.route.of_keys:
            seen |= {"deleted"}  # a key that is revoked stays, and may be revoked again
        return self.route.status if self.place in seen else 404


OBJECTS = re.compile(r"\{(client_id|assistant_id|prefix)\}")


def cases(world: World) -> Iterator[Case]:
    for subject, (method, path, operation) in product(world.subjects, operations(openapi())):
        [scope] = operation["security"][0]["key"]
        route = ROUTES[operation["operationId"]]
        for place in PLACES if OBJECTS.search(path) else ("own",):
            yield Case(subject, method.upper(), path, route, scope, place)


async def ask(world: World, case: Case) -> httpx.Response:
    ids = world.ids[case.place]
    return await world.http.request(
        case.method,
        case.path.format(**ids),
        headers={"Authorization": f"Bearer {case.subject.key}", "If-Match": '"999"'},
        json=case.route.body,
        params=case.route.query,
    )


def test_every_route_of_the_application_is_in_the_matrix() -> None:
    assert {operation["operationId"] for _, _, operation in operations(openapi())} == set(ROUTES)


def told(answer: httpx.Response, case: Case, world: World) -> Any:
    """What the answer tells, without the ids that were asked for."""
    words = {str(world.ids[case.place][name]) for name in OBJECTS.findall(case.path)}
    text = re.sub(r'"request_id": "[^"]+"', "", answer.text)
    for word in words:
        text = re.sub(rf"\b{word}\b", "ID", text)
    headers = {name for name in answer.headers if name != "content-length"}
    return answer.status_code, text, sorted(headers)


async def test_h3_every_role_reaches_what_it_may_and_what_is_of_others_is_as_if_missing(
    world: World,
) -> None:
    asked = 0
    wrong = []
    not_there: dict[Any, set[str]] = {}
    for case in cases(world):
        answer = await ask(world, case)
        asked += 1
        if answer.status_code != case.expected:
            wrong.append((case, answer.status_code, answer.text[:200]))
        if answer.status_code == 404:
            question = (case.subject, case.method, case.path)
            not_there.setdefault(question, set()).add(str(told(answer, case, world)))
    assert wrong == []
    assert {question: ways for question, ways in not_there.items() if len(ways) != 1} == {}
    assert len(not_there) > 50
    assert asked > 500
