"""Let a site publish a page about its visitors' data."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sites",
        sa.Column("privacy_page", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for name in ("privacy_contact", "privacy_processors", "privacy_basis"):
        op.add_column("sites", sa.Column(name, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("privacy_basis", "privacy_processors", "privacy_contact", "privacy_page"):
        op.drop_column("sites", name)
