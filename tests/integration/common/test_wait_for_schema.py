"""Services wait for their tables instead of failing on them."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from tests.support.components import RecordingLifecycle
from tests.support.postgres import NewDatabase, driver_url

from common.postgres import migrate
from common.postgres.database import Database
from common.postgres.wait_for_schema import SchemaReady, newest_revision

pytestmark = pytest.mark.integration
SHORT = 1.2  # more than two looks
MIGRATING = ("assistant", "sender", "tenant_admin")


@pytest.mark.parametrize("package", MIGRATING)
def test_the_number_of_the_newest_file_is_the_newest_revision(package: str) -> None:
    """Alembic's own answer: files and their `revision` lines agree."""
    scripts = ScriptDirectory.from_config(migrate.configuration(package))
    assert newest_revision(package) == scripts.get_current_head()


def set_revision(url: str, number: str) -> None:
    engine = sa.create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(
            sa.text("update sender.alembic_version set version_num = :n"), {"n": number}
        )
    engine.dispose()


def test_an_older_version_leaves_a_newer_schema_as_it_is(new_database: NewDatabase) -> None:
    """A rollback: its migration job must not stop the services from starting."""
    url = new_database(("sender", "sender"))
    set_revision(url, "9999")
    assert migrate.upgrade(url, "sender", "sender") == "9999"


async def test_it_waits_for_the_first_migration_and_for_each_later_one(
    new_database: NewDatabase,
) -> None:
    url = new_database()
    database = Database(url, "sender", RecordingLifecycle("sender"))
    await database.start()
    waiting = asyncio.create_task(SchemaReady(database, "sender").start())
    await asyncio.wait({waiting}, timeout=SHORT)
    assert not waiting.done(), "there are no tables"

    await asyncio.to_thread(migrate.upgrade, url, "sender", "sender")
    await asyncio.wait_for(waiting, 5)

    await asyncio.to_thread(set_revision, url, "0000")
    waiting = asyncio.create_task(SchemaReady(database, "sender").start())
    await asyncio.wait({waiting}, timeout=SHORT)
    assert not waiting.done(), "the tables are older than the code"

    await asyncio.to_thread(set_revision, url, "9999")
    await asyncio.wait_for(waiting, 5)  # a newer schema than the code: an older replica goes on
    await database.stop()
