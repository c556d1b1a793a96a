"""What tenant-admin forgets: counts of long ago, and nothing else."""

import pytest
from sqlalchemy import Connection
from tests.support.retention import indexes_of, run_retention, tables_without_rule
from tests.support.tenant_admin import Admin

from tenant_admin.core.retention_rules import retention_rules

pytestmark = pytest.mark.integration
RULES = retention_rules(usage_days=400)
# Forgotten where they are written: counted deliveries, and rows of the outbox. The rest stays.
KEPT = {"outbox", "outbox_refused", "alembic_version", "audit_log", "audit_chain"}
KEPT |= {"account_news", "number_account"}  # one row for each thing that Meta tells
KEPT |= {"clients", "client_secret", "assistant", "assistant_version", "api_key"}
ADD = """
insert into client_usage select 1, current_date - age, 1, 0, 1, 1, 1, 1, 1, 1
from unnest(array[0, 399, 401]) age;
insert into number_replies select 1, 'number', current_date - age, 1
from unnest(array[0, 399, 401]) age;
insert into priced_replies select 1, current_date - age, 'service', 'regular', 1
from unnest(array[0, 399, 401]) age
"""


async def test_counts_of_thirteen_months_stay_and_older_ones_go(admin: Admin) -> None:
    await admin.add()
    await admin.database.transaction(lambda connection: connection.exec_driver_sql(ADD))
    await run_retention(admin.database, RULES)
    for table in ("client_usage", "number_replies", "priced_replies"):
        ages = await admin.rows(f"select current_date - day as age from {table} order by 1")
        assert [row.age for row in ages] == [0, 399]
    assert len(await admin.rows("select from audit_log")) > 0


async def test_every_table_has_a_rule_or_is_kept_on_purpose(admin: Admin) -> None:
    found = await admin.database.transaction(
        lambda connection: tables_without_rule(connection, RULES)
    )
    assert found == KEPT


async def test_an_index_finds_what_is_old(admin: Admin) -> None:
    def used(connection: Connection) -> list[set[str]]:
        return [indexes_of(connection, rule) for rule in RULES]

    found = await admin.database.transaction(used)
    days = ("client_usage_day", "number_replies_day", "priced_replies_day")
    others = ("counted_delivery_at", "idempotent_request_at")
    assert found == [{each} for each in (*days, *others)]
