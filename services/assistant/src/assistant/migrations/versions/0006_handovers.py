"""Turns that wait for a handover's end, what people of the business wrote, and their commands."""

from alembic import op

revision = "0006"
down_revision = "0005"

HANDOVERS = """
alter table turn add column put_off int not null default 0;  -- claims during a handover
create table applied_command (
  tenant_id int not null,
  event_id text not null,
  applied_at timestamptz not null default now(),
  primary key (tenant_id, event_id));
-- Of the assistant's messages: answer, fallback, notice; person: of the business.
create index message_history on message (conversation_id, turn_id)
  where role = 'a' and (kind is null or kind in ('answer', 'person'));
drop index message_answers;
"""


def upgrade() -> None:
    op.execute(HANDOVERS)


def downgrade() -> None:
    op.execute(
        "create index message_answers on message (conversation_id, turn_id)"
        " where role = 'a' and (kind is null or kind = 'answer')"
    )
    op.execute("drop index message_history")
    op.execute("drop table applied_command")
    op.execute("alter table turn drop column put_off")
