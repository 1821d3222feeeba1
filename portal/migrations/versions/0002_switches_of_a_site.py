"""Add the switches that the edge follows: canary, HTTPS, canonical host, maintenance, names."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("canary_percent", sa.Integer(), nullable=False, server_default="10"),
        sa.Column("https", sa.String(length=16), nullable=False, server_default="off"),
        sa.Column("canonical_host", sa.String(length=253), nullable=False, server_default=""),
        sa.Column("maintenance", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("script_name", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("quiet_seed", sa.String(length=64), nullable=False, server_default=""),
    ]


def upgrade() -> None:
    for column in _columns():
        op.add_column("sites", column)


def downgrade() -> None:
    for column in reversed(_columns()):
        op.drop_column("sites", column.name)
