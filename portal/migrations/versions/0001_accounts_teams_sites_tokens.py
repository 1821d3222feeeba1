"""Create accounts, teams, sites and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        sa.UniqueConstraint("name", name="uq_teams_name"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("session_key", sa.String(length=43), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "owner", "admin", "editor", "viewer", name="role", native_enum=False, length=16
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name="fk_memberships_team_id_teams", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_memberships_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "team_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_team_id", "memberships", ["team_id"], unique=False)

    op.create_table(
        "sites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upstreams", sa.JSON(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=260), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("hash_routes", sa.Boolean(), nullable=False),
        sa.Column("respect_dnt", sa.Boolean(), nullable=False),
        sa.Column("csp", sa.String(length=16), nullable=False),
        sa.Column("client_ip", sa.String(length=32), nullable=False),
        sa.Column("kept_params", sa.JSON(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("max_body_bytes", sa.Integer(), nullable=False),
        sa.Column("debug", sa.Boolean(), nullable=False),
        sa.Column("debug_key", sa.String(length=64), nullable=False),
        sa.Column("upstream_host", sa.String(length=260), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_sites_team_id_teams"),
        sa.PrimaryKeyConstraint("id", name="pk_sites"),
        sa.UniqueConstraint("host", name="uq_sites_host"),
        sa.UniqueConstraint("public_key", name="uq_sites_public_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sites_team_id", "sites", ["team_id"], unique=False)

    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_api_tokens_site_id_sites", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_api_tokens_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )
    op.create_index("ix_api_tokens_site_id", "api_tokens", ["site_id"], unique=False)
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"], unique=False)

    op.create_table(
        "site_hosts",
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_site_hosts_site_id_sites", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("host", name="pk_site_hosts"),
    )
    op.create_index("ix_site_hosts_site_id", "site_hosts", ["site_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_site_hosts_site_id", "site_hosts")

    op.drop_table("site_hosts")
    op.drop_index("ix_api_tokens_user_id", "api_tokens")
    op.drop_index("ix_api_tokens_site_id", "api_tokens")

    op.drop_table("api_tokens")
    op.drop_index("ix_sites_team_id", "sites")

    op.drop_table("sites")
    op.drop_index("ix_memberships_team_id", "memberships")

    op.drop_table("memberships")
    op.drop_table("users")
    op.drop_table("teams")
    op.drop_table("settings")
