"""Add recipients of reports and alerts, alert rules, what was sent, and leases."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recipients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("target_hash", sa.String(length=64), nullable=False),
        sa.Column("secret_url", sa.String(length=2000), nullable=False),
        sa.Column("secret_key", sa.String(length=200), nullable=False),
        sa.Column("gets", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recipients"),
        sa.UniqueConstraint("site_id", "target_hash", name="uq_recipients_site_id"),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_recipients_site_id_sites", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("goal", sa.String(length=120), nullable=False),
        sa.Column("quiet_h", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rules"),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_alert_rules_site_id_sites", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_alert_rules_site_id", "alert_rules", ["site_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=True),
        sa.Column("sent_to", sa.String(length=254), nullable=False),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("recipient_id", "message", name="uq_deliveries_recipient_id"),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name="fk_deliveries_site_id_sites", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name="fk_deliveries_recipient_id_recipients",
            ondelete="SET NULL",
        ),
    )
    op.create_index("ix_deliveries_site_id", "deliveries", ["site_id"])
    op.create_index("ix_deliveries_state", "deliveries", ["state"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def downgrade() -> None:
    for table in ("leases", "deliveries", "alert_rules", "recipients"):
        op.drop_table(table)
