"""Let goals be reached by what the edge served: a method and a status."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, length in (("method", 16), ("status", 3)):
        column = sa.Column(name, sa.String(length=length), nullable=False, server_default="")
        op.add_column("site_goals", column)


def downgrade() -> None:
    op.drop_column("site_goals", "status")
    op.drop_column("site_goals", "method")
