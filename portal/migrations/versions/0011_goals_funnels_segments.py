"""Add what a site counts and keeps: goals, funnels, segments, annotations."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = ("site_goals", "site_funnels", "site_segments", "site_annotations")


def _create(name: str, *columns: sa.Column[object], **unique: list[str]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        *columns,
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=f"fk_{name}_site_id_sites", ondelete="CASCADE"
        ),
        *(
            [
                sa.ForeignKeyConstraint(
                    ["user_id"], ["users.id"], name=f"fk_{name}_user_id_users", ondelete="CASCADE"
                )
            ]
            if any(column.name == "user_id" for column in columns)
            else []
        ),
        *(sa.UniqueConstraint(*names, name=key) for key, names in unique.items()),
    )
    op.create_index(f"ix_{name}_site_id", name, ["site_id"])


def upgrade() -> None:
    _create(
        "site_goals",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=2000), nullable=False),
        sa.Column("props", sa.JSON(), nullable=False),
        sa.Column("scroll", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        uq_site_goals_site_id_name=["site_id", "name"],
    )
    _create(
        "site_funnels",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("between", sa.String(length=16), nullable=False),
        sa.Column("within", sa.String(length=16), nullable=False),
        sa.Column("window_s", sa.Integer(), nullable=False),
    )
    _create(
        "site_segments",
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
    )
    _create(
        "site_annotations",
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("text", sa.String(length=280), nullable=False),
    )


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.drop_table(name)
