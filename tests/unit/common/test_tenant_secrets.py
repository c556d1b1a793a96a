"""A tenant's own secret, else the installation's, never another's."""

import pytest
from tests.support.builders import a_tenant

from common.key_rings import KeyRing
from common.sealed import seal
from common.tenant_secrets import NoSecret, TenantSecrets

RING = KeyRing.fresh()
SEALED = seal(RING, 1, "access_token", "own-token")


def test_without_a_secret_of_its_own_a_tenant_gets_the_default() -> None:
    assert TenantSecrets("access_token", RING, "default").secret_of(a_tenant()) == "default"
    with pytest.raises(NoSecret, match="access_token"):
        TenantSecrets("access_token", RING, None).secret_of(a_tenant())


def test_its_own_secret_wins_and_is_opened_for_its_field_only() -> None:
    tenant = a_tenant(access_token=SEALED, openai_api_key=SEALED)
    assert TenantSecrets("access_token", RING, "default").secret_of(tenant) == "own-token"
    with pytest.raises(NoSecret):
        TenantSecrets("openai_api_key", RING, "default").secret_of(tenant)


def test_what_cannot_be_opened_is_never_replaced_by_the_default() -> None:
    secrets = TenantSecrets("access_token", RING, "default")
    with pytest.raises(NoSecret):
        secrets.secret_of(a_tenant(tenant_id=2, access_token=SEALED))
    with pytest.raises(NoSecret, match="KEY_RING_FILE"):
        TenantSecrets("access_token", None, "default").secret_of(a_tenant(access_token=SEALED))


def test_a_changed_secret_is_opened_again() -> None:
    secrets = TenantSecrets("access_token", RING, None)
    assert secrets.secret_of(a_tenant(access_token=SEALED)) == "own-token"
    changed = a_tenant(access_token=seal(RING, 1, "access_token", "new-token"))
    assert secrets.secret_of(changed) == "new-token"


def test_keys_that_a_tenant_needs_and_the_ring_lacks_are_named_once() -> None:
    tenants = [
        a_tenant(access_token=SEALED),
        a_tenant(),
        a_tenant(tenant_id=2, access_token=SEALED),
    ]
    other = KeyRing.fresh()
    assert TenantSecrets("access_token", RING, None).lacking(tenants) == set()
    assert TenantSecrets("openai_api_key", other, None).lacking(tenants) == set()
    missing = {f"access_token {RING.active}"}
    assert TenantSecrets("access_token", other, None).lacking(tenants) == missing
    assert TenantSecrets("access_token", None, None).lacking(tenants) == missing


def test_what_no_key_would_open_is_not_the_rings_fault() -> None:
    tenants = [a_tenant(access_token="not sealed"), a_tenant(access_token="v9.k1.AA")]
    assert TenantSecrets("access_token", RING, None).lacking(tenants) == set()
