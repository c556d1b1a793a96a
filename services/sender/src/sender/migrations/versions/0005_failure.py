"""Why a reply is no answer of the model, which the outcome of its messages says."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("alter table delivery add column failure text")


def downgrade() -> None:
    op.execute("alter table delivery drop column failure")
