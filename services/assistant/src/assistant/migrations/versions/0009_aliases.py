"""What leads to a conversation: every BSUID and phone of its contact."""

from alembic import op

revision = "0009"
down_revision = "0005"

ALIASES = """
alter table conversation add column address text;  -- of the newest message, null: contact_id
create table contact_alias (
  tenant_id int not null,
  alias text not null,   -- a BSUID or a phone
  conversation_id bigint not null references conversation (id) on delete cascade,
  primary key (tenant_id, alias));
create index contact_alias_of on contact_alias (conversation_id);
insert into contact_alias (tenant_id, alias, conversation_id)
select tenant_id, contact_id, id from conversation;
insert into contact_alias (tenant_id, alias, conversation_id)
select tenant_id, wa_id, id from conversation where wa_id is not null order by id
on conflict do nothing;
"""


def upgrade() -> None:
    op.execute(ALIASES)


def downgrade() -> None:
    op.execute("drop table contact_alias")
    op.execute("alter table conversation drop column address")
