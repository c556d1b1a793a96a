"""What to find rows by whose time is over. Of a reply's wamid, since when it is known."""

from alembic import op

revision = "0011"
down_revision = "0010"

INDEXES = """
alter table reply_wamid add column stored_at timestamptz not null default now();
create index reply_wamid_stored_at on reply_wamid (stored_at);
create index message_ended on message (created_at) where turn_id is not null;
create index message_with_text on message (created_at)
  where turn_id is not null and (body <> '' or media is not null);
create index turn_ended on turn (finished_at) where finished_at is not null;
create index applied_command_at on applied_command (applied_at);
create index usage_day on usage (day);
create index usage_of_day_day on usage_of_day (day);
create index spend_day on spend (day);
"""


def upgrade() -> None:
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("alter table reply_wamid drop column stored_at")
    op.execute("""drop index message_ended, message_with_text, turn_ended, applied_command_at,
      usage_day, usage_of_day_day, spend_day""")
