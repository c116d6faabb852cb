"""Runs, annotations, attempts, journal, drafts, and the revision that says that something changed."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("run_dir", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("wish", sa.String(16), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("error_id", sa.String(64), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("base_model", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("supervisor_pid", sa.BigInteger()),
        sa.Column("supervisor_start_ticks", sa.BigInteger()),
        sa.Column("supervisor_boot_id", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_created_at", "runs", ["created_at"])
    op.create_table(
        "annotations",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_annotations"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], "fk_annotations_run_id", ondelete="CASCADE"),
    )
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(128), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("pid", sa.BigInteger()),
        sa.Column("start_ticks", sa.BigInteger()),
        sa.Column("boot_id", sa.String(64)),
        sa.Column("ended_at", sa.String(32)),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("resumed_from_step", sa.BigInteger()),
        sa.Column("last_step", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], "fk_attempts_run_id", ondelete="CASCADE"),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("target", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], "fk_journal_run_id", ondelete="CASCADE"),
    )
    op.create_index("ix_journal_run_id", "journal", ["run_id"])
    op.create_table(
        "drafts",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_drafts"),
    )
    revision_table = op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    # A random start: a rebuilt store never repeats a number that a reader of the lost one remembers.
    op.bulk_insert(revision_table, [{"id": 1, "number": secrets.randbits(48)}])


def downgrade() -> None:
    for name in ("revision", "drafts", "journal", "attempts", "annotations", "runs"):
        op.drop_table(name)
