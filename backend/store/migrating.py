"""Bring a database to the schema of this version, once, whoever starts first."""

import os
import threading
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError

from backend.store.errors import StoreForeign, StoreFromNewerVersion
from backend.store.locking import locked

HEAD = "0002"
MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_ONE_AT_A_TIME = threading.Lock()  # alembic keeps the migration under way in a module


def is_ready(engine: Engine) -> bool:
    """Whether an SQLite file has this version's schema and a write-ahead log; reads only."""
    with engine.connect() as connection:
        return _is_current(connection) and _journal_mode(connection) == "wal"


def migrate_sqlite(engine: Engine, file: Path, timeout_seconds: float) -> None:
    """Create or upgrade an SQLite file; several first starts at once take turns."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(file.with_name(f".{file.name}.lock"), timeout_seconds):
        with suppress(FileExistsError):  # made before SQLite does, whose -wal and -shm take over the mode
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        migrate(engine)


def migrate(engine: Engine) -> None:
    """Run the missing migrations in one transaction. Raises StoreForeign or StoreFromNewerVersion."""
    with engine.connect() as connection:
        is_done = _is_current(connection)
        if not is_done:
            connection.rollback()
            _check_origin(connection)
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    if not is_done:
        with engine.begin() as connection:
            _upgrade(connection)


def _is_current(connection: Connection) -> bool:
    """Whether the schema is this version's; one read, without importing alembic."""
    try:
        return _revision(connection) == HEAD
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorname", "SQLITE_ERROR") != "SQLITE_ERROR":
            raise  # damaged, locked, unreadable: anything but a missing table
        return False


def _journal_mode(connection: Connection) -> str:
    return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())


def _revision(connection: Connection) -> str | None:
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _check_origin(connection: Connection) -> None:
    """Leave a database alone that is neither empty nor an older one of ours."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.2 s that only a migration should pay
    from alembic.util import CommandError  # noqa: PLC0415 - the same

    tables = set(inspect(connection).get_table_names())
    if not tables:
        return
    url = connection.engine.url.render_as_string(hide_password=True)
    found = _revision(connection) if "alembic_version" in tables else None
    if found is None:
        raise StoreForeign(url=url, detail=", ".join(sorted(tables)[:5]))
    try:
        ScriptDirectory(str(MIGRATIONS)).get_revision(found)
    except CommandError as error:
        raise StoreFromNewerVersion(url=url, found=found) from error


def _use_wal(engine: Engine) -> None:
    """A property of the file; on a file system without shared memory SQLite keeps its old journal."""
    with closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA journal_mode=WAL")


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 0.2 s that only a migration should pay
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")
