"""What holds a delivery back, what it was refused for, and how a lost answer is treated."""

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = """
alter table delivery
  add column pair_refusals smallint not null default 0,
  add column refused_at timestamptz,
  add column held_by text,
  add column delivery_class text not null default 'reply';
"""
# For waking what waited, of which there may be 100,000 behind one hold.
INDEXES = """
create index delivery_held on delivery (held_by, due_at)
  where state = 0 and held_by is not null;
create index delivery_held_number on delivery (phone_number_id, due_at)
  where state = 0 and held_by is not null;
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("drop index delivery_held, delivery_held_number")
    columns = ("pair_refusals", "refused_at", "held_by", "delivery_class")
    op.execute("alter table delivery " + ", ".join(f"drop column {name}" for name in columns))
