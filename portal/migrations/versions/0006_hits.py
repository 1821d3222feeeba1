"""Let a site choose what its page views are counted by, and whether hits are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("hits", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column(
        "sites",
        sa.Column("measure", sa.String(length=16), nullable=False, server_default="tracker"),
    )


def downgrade() -> None:
    op.drop_column("sites", "measure")
    op.drop_column("sites", "hits")
