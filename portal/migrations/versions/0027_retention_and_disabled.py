"""Let a site say for how long its numbers are kept, and an account be locked."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sites", sa.Column("retention_days", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(
        "users", sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("users", "disabled")
    op.drop_column("sites", "retention_days")
