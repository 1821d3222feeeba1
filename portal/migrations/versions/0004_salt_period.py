"""Let a site choose for how long a visitor is known again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sites",
        sa.Column("salt_period", sa.String(length=16), nullable=False, server_default="day"),
    )


def downgrade() -> None:
    op.drop_column("sites", "salt_period")
