"""Add shared links, and sites whose dashboard is public."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sites", sa.Column("public", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "share_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sections", sa.JSON(), nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=True),
        sa.Column("embed_origins", sa.JSON(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("last_viewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_share_links"),
        sa.UniqueConstraint("slug", name="uq_share_links_slug"),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_share_links_site_id_sites", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["site_segments.id"],
            name="fk_share_links_segment_id_site_segments",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_share_links_site_id", "share_links", ["site_id"])


def downgrade() -> None:
    op.drop_table("share_links")
    op.drop_column("sites", "public")
