"""The queue: order, dependencies and slots; pausing; where a run came from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        runs.add_column(sa.Column("after_run_id", sa.String(64), nullable=False, server_default=""))
        runs.add_column(sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
        runs.add_column(sa.Column("queued_at", sa.String(32)))
        runs.add_column(sa.Column("keeps_slot", sa.Boolean(), nullable=False, server_default=sa.false()))
        runs.add_column(sa.Column("origin_run_id", sa.String(64), nullable=False, server_default=""))
        runs.add_column(sa.Column("origin_kind", sa.String(16), nullable=False, server_default=""))
        runs.add_column(sa.Column("origin_step", sa.BigInteger()))
    op.create_table(
        "slots",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_slots"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], "fk_slots_run_id", ondelete="CASCADE"),
    )
    op.create_index("ix_slots_run_id", "slots", ["run_id"])


def downgrade() -> None:
    op.drop_table("slots")
    with op.batch_alter_table("runs") as runs:
        for name in (
            "origin_step",
            "origin_kind",
            "origin_run_id",
            "keeps_slot",
            "queued_at",
            "retries",
            "after_run_id",
            "priority",
        ):
            runs.drop_column(name)
