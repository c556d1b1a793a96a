"""What kind of message the assistant wrote, and history by turns that had an answer."""

from alembic import op

revision = "0004"
down_revision = "0003"

KINDS = """
alter table conversation add column fallback_at timestamptz;
alter table message add column kind text;  -- answer, fallback, notice; null: the contact's
create index message_of_turn on message (conversation_id, turn_id, id) where turn_id is not null;
create index message_answers on message (conversation_id, turn_id)
  where role = 'a' and (kind is null or kind = 'answer');
drop index message_answered;
"""


def upgrade() -> None:
    op.execute(KINDS)


def downgrade() -> None:
    op.execute(
        "create index message_answered on message (conversation_id, id) where turn_id is not null"
    )
    op.execute("drop index message_of_turn, message_answers")
    op.execute("alter table message drop column kind")
    op.execute("alter table conversation drop column fallback_at")
