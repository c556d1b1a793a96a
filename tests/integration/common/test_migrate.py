"""Migrations: idempotent, and safe when replicas start together."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from tests.support.postgres import NewDatabase, driver_url

from common.postgres.migrate import current_revision, upgrade
from common.postgres.wait_for_schema import newest_revision

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("package", ["assistant", "sender"])
def test_replicas_that_migrate_together_and_again_reach_the_newest(
    new_database: NewDatabase, package: str
) -> None:
    url = new_database()
    with ThreadPoolExecutor(3) as pool:
        reached = set(pool.map(lambda _: upgrade(url, package, package), range(3)))
    assert reached == {newest_revision(package)}
    assert upgrade(url, package, package) == newest_revision(package)
    engine = sa.create_engine(driver_url(url))
    with engine.connect() as connection:
        assert current_revision(connection, package) == newest_revision(package)
        assert "outbox" in sa.inspect(connection).get_table_names(package)
    engine.dispose()
