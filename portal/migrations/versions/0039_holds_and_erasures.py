"""Keep legal holds, and what was asked to be erased with its certificate."""

import json
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0037"
branch_labels = None
depends_on = None

_MARK = "erase_site:"


def upgrade() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("set_by", sa.String(254), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.String(254), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_legal_holds_site_id", "legal_holds", ["site_id"])
    op.create_table(
        "erasure_requests",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("asked_by", sa.String(254), nullable=False),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.Column("chosen_secret", sa.JSON(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    for column in ("site_id", "team_id"):
        op.create_index(f"ix_erasure_requests_{column}", "erasure_requests", [column])
    _take_marks_over()


def _take_marks_over() -> None:
    """Make requests of the marks of deleted sites whose numbers were still to go."""
    database = op.get_bind()
    named = {"mark": f"{_MARK}%"}
    marks = database.execute(
        sa.text("select name, value from settings where name like :mark"), named
    ).all()
    requests = sa.table(
        "erasure_requests",
        *(sa.column(name) for name in ("key", "site_id", "host", "reason", "asked_by", "via")),
        *(sa.column(name, sa.DateTime(timezone=True)) for name in ("asked_at", "due_at")),
        *(sa.column(name, sa.JSON()) for name in ("chosen", "chosen_secret")),
        *(sa.column(name) for name in ("statement", "signature")),
    )
    for name, value in marks:
        due_s = json.loads(value) if isinstance(value, str) else value
        due_at = datetime.fromtimestamp(float(due_s), UTC)
        row = {"key": uuid.uuid4().hex, "site_id": int(name.removeprefix(_MARK)), "host": ""}
        row |= {"reason": "", "asked_by": "", "via": "command", "asked_at": due_at}
        row |= {"due_at": due_at, "chosen": {}, "chosen_secret": {}}
        database.execute(requests.insert().values(**row, statement="", signature=""))
    database.execute(sa.text("delete from settings where name like :mark"), named)


def downgrade() -> None:
    op.drop_table("erasure_requests")
    op.drop_table("legal_holds")
