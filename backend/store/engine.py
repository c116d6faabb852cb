"""Transactions on the store's database: read or write, each explained when it fails."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from backend.store.errors import StoreBusy, StoreReadOnly, StoreUrlInvalid, explained
from backend.store.migrating import is_ready, migrate, migrate_sqlite
from backend.store.tables import RevisionRow

_REVISION = "SELECT number FROM revision WHERE id = 1"


class Database:
    """An engine whose schema is current. Thread-safe; a replaced SQLite file is noticed and opened anew."""

    def __init__(self, url: str, busy_seconds: float) -> None:
        self._busy_seconds = busy_seconds
        self._url = _checked(url)
        self._shown_url = self._url.render_as_string(hide_password=True)
        self._file = _sqlite_file(self._url)
        self._opening = threading.Lock()
        self._opened: tuple[int, int] | None = None
        self._engine = _engine(self._url, busy_seconds)
        self._writer = self._engine.execution_options(begin_with="BEGIN IMMEDIATE")
        with self._explaining():
            pass

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One snapshot of the database."""
        with self._explaining(), Session(self._engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self, *, is_change_of_runs: bool = True) -> Iterator[Session]:
        """One transaction; committed and on the disk when the block ends, undone if it raises."""
        with (
            self._explaining(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session
            session.flush()
            if is_change_of_runs:
                session.execute(update(RevisionRow).values(number=RevisionRow.number + 1))

    @contextmanager
    def write_at(self, revision: int) -> Iterator[Session | None]:
        """A transaction that changes runs, or None if they have changed since `revision`."""
        is_still_so = RevisionRow.number == revision
        with self.write(is_change_of_runs=False) as session:
            step = update(RevisionRow).where(is_still_so).values(number=RevisionRow.number + 1)
            result = session.execute(step)
            assert isinstance(result, CursorResult)
            yield session if result.rowcount else None

    def revision(self) -> int:
        """The number that grows with each change of a run; reads it without the layers above the driver."""
        with self._explaining():
            if self._file is None:
                with self._engine.connect() as connection:
                    return int(connection.execute(select(RevisionRow.number)).scalar_one())
            with closing(self._engine.raw_connection()) as raw:
                row = raw.cursor().execute(_REVISION).fetchone()
                return int(row[0])

    def close(self) -> None:
        """Release every connection."""
        self._engine.dispose()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            self._open()
            yield
        except PoolTimeoutError as error:
            raise StoreBusy(url=self._shown_url, detail=str(error)) from error
        except (DBAPIError, sqlite3.Error, OSError) as error:
            told = explained(getattr(error, "orig", None) or error, self._shown_url)
            if isinstance(told, StoreReadOnly):
                self._engine.dispose()  # a connection that was opened read-only stays so when the file is no longer
            raise told from error

    def _open(self) -> None:
        """Make the schema current, once per file: somebody may delete or replace it while we run."""
        if self._is_open():
            return
        with self._opening:
            if self._is_open():
                return  # another thread was first
            self._opened = None  # a new file may get the number of the old one as soon as that is closed
            self._engine.dispose()
            if self._file is None:
                migrate(self._engine)
            elif not self._file.exists() or not is_ready(self._engine):
                migrate_sqlite(self._engine, self._file, self._busy_seconds)
            self._opened = self._identity()

    def _is_open(self) -> bool:
        opened = self._opened  # read once: another thread may be opening
        return opened is not None and self._identity() == opened

    def _identity(self) -> tuple[int, int] | None:
        """Which file the path means now, (0, 0) for a database without a file, None if it is gone."""
        try:
            found = self._file.stat() if self._file else None
        except FileNotFoundError:
            return None
        return (found.st_dev, found.st_ino) if found else (0, 0)


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreUrlInvalid(detail="It is no SQLAlchemy URL.") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreUrlInvalid(detail="A database in memory cannot be shared with the programs that train.")
    return parsed


def _engine(url: URL, busy_seconds: float) -> Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    try:
        engine = create_engine(
            url,
            connect_args={"timeout": busy_seconds} if is_sqlite else {},
            pool_timeout=busy_seconds,
            pool_pre_ping=not is_sqlite,
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreUrlInvalid(detail=f"{error}.") from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")  # a commit that returned survives a power cut


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin_with", "BEGIN"))


def _sqlite_file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(url.database).absolute()
