"""The language of an account and of a recipient; an empty one is the browser's.

Revision ID: 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("language", sa.String(8), nullable=False, server_default=""))
    op.add_column(
        "recipients", sa.Column("language", sa.String(8), nullable=False, server_default="en")
    )


def downgrade() -> None:
    op.drop_column("recipients", "language")
    op.drop_column("users", "language")
