"""Second factors of accounts, and when a session's person last showed who they are."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def _user() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "code_apps",
        sa.Column("user_id", sa.Integer(), primary_key=True),
        sa.Column("sealed_secret", sa.String(255), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT),
        _user(),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), nullable=False, index=True),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        _user(),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), nullable=False, index=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("user_handle", sa.String(86), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT),
        _user(),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_table(
        "spent_nonces",
        sa.Column("nonce_hash", sa.String(64), primary_key=True),
        sa.Column("expires_at", _MOMENT, nullable=False, index=True),
    )
    way = sa.Column("way", sa.String(16), nullable=False, server_default="password")
    op.add_column("user_sessions", way)
    op.add_column("user_sessions", sa.Column("proved_at", _MOMENT))


def downgrade() -> None:
    op.drop_column("user_sessions", "proved_at")
    op.drop_column("user_sessions", "way")
    for name in ("spent_nonces", "passkeys", "recovery_codes", "code_apps"):
        op.drop_table(name)
