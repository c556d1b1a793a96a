"""Every route is guarded, and the reference page shows every route."""

from tenant_admin.api.docs_page import docs_page, operations
from tenant_admin.api.document import openapi
from tenant_admin.api.response_headers import request_id_of
from tenant_admin.core.key_rights import SCOPES

DOCUMENT = openapi()
OPERATIONS = list(operations(DOCUMENT))


def test_every_route_declares_exactly_one_known_scope() -> None:
    declared = {(method, path): operation.get("security") for method, path, operation in OPERATIONS}
    known = [[{"key": [scope]}] for scope in SCOPES]
    assert declared
    assert {route: rules for route, rules in declared.items() if rules not in known} == {}


def test_reading_needs_a_read_scope_and_changing_does_not_pass_with_one() -> None:
    for method, path, operation in OPERATIONS:
        scope = operation["security"][0]["key"][0]
        assert scope.endswith(":admin") or scope.endswith(":read") == (method == "get"), path


def test_every_request_model_has_an_example() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for method, path, operation in OPERATIONS:
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            name = body["schema"].get("$ref", "").rsplit("/", 1)[-1]
            assert "example" in body or "example" in schemas[name], (method, path)


def test_the_reference_page_shows_every_route_and_loads_nothing_from_elsewhere() -> None:
    page = docs_page(DOCUMENT)
    assert all(f"<code>{path}</code>" in page for _, path, _ in OPERATIONS)
    assert "<script" not in page
    assert "https://" not in page


def test_a_callers_request_id_is_kept_unless_it_could_forge_a_line() -> None:
    assert request_id_of(b"order-42") == "order-42"
    for bad in (b"", b"a b", b"a\r\nX: y", b"x" * 65, "é".encode()):
        assert len(request_id_of(bad)) == 32
