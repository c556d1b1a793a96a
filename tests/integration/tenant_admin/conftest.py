"""A tenant-admin on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex

import pytest
import sqlalchemy as sa
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase, Server
from tests.support.tenant_admin import Admin, running

from common.key_rings import KeyRings
from ops.create_roles import Passwords, create_roles
from tenant_admin.migrate import migrate


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(("tenant_admin", "admin"))


@pytest.fixture
async def admin(url: str, kafka: Broker) -> AsyncIterator[Admin]:
    async with running(url, kafka.settings) as started:
        yield started


@pytest.fixture
def two_roles(new_database: NewDatabase, server: Server) -> str:
    """As installations are: the service is a role that owns nothing, so that row-level security
    binds it. The URL is the service's."""
    if not server.ours:
        pytest.skip("NOT RUN: it would change the roles of a server that is not ours")
    url = new_database()
    passwords = Passwords(token_hex(8), token_hex(8))
    create_roles(url, {"admin": passwords})
    place = sa.engine.make_url(url)
    owner = place.set(username="admin_owner", password=passwords.owner)
    migrate(owner.render_as_string(hide_password=False))
    service = place.set(username="admin", password=passwords.service)
    return service.render_as_string(hide_password=False)


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    file = tmp_path / "ring.json"
    file.write_text(KeyRings.fresh().text())
    return file


@pytest.fixture
async def installed(two_roles: str, kafka: Broker, ring: Path) -> AsyncIterator[Admin]:
    async with running(two_roles, kafka.settings, ring) as started:
        yield started


@pytest.fixture(params=["two_roles", "url"])
async def either(request: pytest.FixtureRequest, kafka: Broker, ring: Path) -> AsyncIterator[Admin]:
    """As `installed`, and where the database leaves nothing out: the queries are then alone."""
    url: str = request.getfixturevalue(request.param)
    async with running(url, kafka.settings, ring) as started:
        yield started
