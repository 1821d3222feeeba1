"""Keep pictures of pages, over which heatmaps are drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "page_pictures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("page", sa.String(length=2000), nullable=False),
        sa.Column("address", sa.String(length=2000), nullable=False),
        sa.Column("path", sa.String(length=2000), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("hides_words", sa.Boolean(), nullable=False),
        sa.Column("hosts", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.String(length=254), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("markup", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_page_pictures"),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.id"],
            name="fk_page_pictures_site_id_sites",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_page_pictures_site_id", "page_pictures", ["site_id"])


def downgrade() -> None:
    op.drop_index("ix_page_pictures_site_id", table_name="page_pictures")
    op.drop_table("page_pictures")
