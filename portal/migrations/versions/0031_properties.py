"""Let a team say which custom properties are listed, and by what name."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_properties",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site_properties"),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.id"],
            name="fk_site_properties_site_id_sites",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("site_id", "key", name="uq_site_properties_site_id_key"),
    )
    op.create_index("ix_site_properties_site_id", "site_properties", ["site_id"])


def downgrade() -> None:
    op.drop_index("ix_site_properties_site_id", table_name="site_properties")
    op.drop_table("site_properties")
