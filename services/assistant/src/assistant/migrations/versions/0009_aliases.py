"""What leads to a conversation: every BSUID and phone of its contact. What a message quotes."""

from alembic import op

revision = "0009"
down_revision = "0008"

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
QUOTES = """
alter table message add column reply_to text;  -- wamid that the contact quotes
alter table message add column reply_id uuid;  -- of the assistant's
create table reply_wamid (
  tenant_id int not null,
  wamid text not null,
  reply_id uuid not null,
  primary key (tenant_id, wamid));
"""


def upgrade() -> None:
    op.execute(ALIASES)
    op.execute(QUOTES)


def downgrade() -> None:
    op.execute("drop table contact_alias, reply_wamid")
    op.execute("alter table conversation drop column address")
    op.execute("alter table message drop column reply_to, drop column reply_id")
