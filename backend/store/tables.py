"""The tables of the store as typed models; their changes over time are in `migrations`."""

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, Dialect, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcText(TypeDecorator[datetime]):
    """A timezone-aware time as UTC ISO-8601 text of fixed width, so that text order is time order."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Refuse a time without a zone: it would mean another moment on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the time back with its zone."""
        return None if value is None else datetime.fromisoformat(value)


class Base(DeclarativeBase):
    """Constraints are named, so that migrations can change them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class RunRow(Base):
    """What the supervisor and the services say about a run."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_dir: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    wish: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcText)
    updated_at: Mapped[datetime] = mapped_column(UtcText)
    message: Mapped[str] = mapped_column(Text)
    error_id: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(64))
    base_model: Mapped[str] = mapped_column(Text)
    dataset: Mapped[str] = mapped_column(Text)
    fence: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int]
    supervisor_pid: Mapped[int | None] = mapped_column(BigInteger)
    supervisor_start_ticks: Mapped[int | None] = mapped_column(BigInteger)
    supervisor_boot_id: Mapped[str | None] = mapped_column(String(64))
    priority: Mapped[int]
    after_run_id: Mapped[str] = mapped_column(String(64))
    retries: Mapped[int]
    queued_at: Mapped[datetime | None] = mapped_column(UtcText)
    keeps_slot: Mapped[bool]
    origin_run_id: Mapped[str] = mapped_column(String(64))
    origin_kind: Mapped[str] = mapped_column(String(16))
    origin_step: Mapped[int | None] = mapped_column(BigInteger)


class SlotRow(Base):
    """A place on a device ("gpu:0", "cpu:0") that a run holds; the primary key lets nobody else have it."""

    __tablename__ = "slots"
    __table_args__ = (Index(None, "run_id"),)

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))


class AnnotationRow(Base):
    """What a person wrote about a run: its name, notes and tags."""

    __tablename__ = "annotations"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    notes: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(JSON)


class AttemptRow(Base):
    """One trainer process of a run."""

    __tablename__ = "attempts"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[datetime] = mapped_column(UtcText)
    pid: Mapped[int | None] = mapped_column(BigInteger)
    start_ticks: Mapped[int | None] = mapped_column(BigInteger)
    boot_id: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[datetime | None] = mapped_column(UtcText)
    exit_code: Mapped[int | None]
    resumed_from_step: Mapped[int | None] = mapped_column(BigInteger)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)


class JournalRow(Base):
    """One line of a run's history; `id` gives the order."""

    __tablename__ = "journal"
    __table_args__ = (Index(None, "run_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcText)
    source: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int | None]


class DraftRow(Base):
    """A text that a browser session wants back after a reload."""

    __tablename__ = "drafts"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UtcText)


class RevisionRow(Base):
    """One row whose number grows with each change of any run."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
