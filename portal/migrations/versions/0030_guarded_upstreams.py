"""Keep which upstreams no operator wrote; those that are there work as before."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("guarded_upstreams", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("sites", column)


def downgrade() -> None:
    op.drop_column("sites", "guarded_upstreams")
