"""Let a site do without counting downloads and forms."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("count_downloads", "count_forms"):
        op.add_column(
            "sites", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true())
        )


def downgrade() -> None:
    op.drop_column("sites", "count_forms")
    op.drop_column("sites", "count_downloads")
