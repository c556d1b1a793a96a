"""A tenant's own secret, else the installation's, never another's."""

import pytest
from tests.support.builders import a_tenant

from common.sealed import KeyRing, seal
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
