"""Give each site CNIL mode and a number of visitors that must share a city."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sites", sa.Column("cnil", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("sites", sa.Column("city_k", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("sites", "city_k")
    op.drop_column("sites", "cnil")
