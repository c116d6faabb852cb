"""The database file: made privately, migrated once, replaced or damaged without a riddle."""

import logging
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from backend.domain.ports import RunStore
from backend.domain.states import Wish
from backend.errors import StudioError
from backend.store.errors import (
    StoreBusy,
    StoreDamaged,
    StoreForeign,
    StoreFromNewerVersion,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    StoreUrlInvalid,
    explained,
)
from backend.store.locking import locked
from backend.store.migrating import HEAD, MIGRATIONS
from backend.store.sql_store import SqlRunStore
from backend.store.tables import Base
from tests.fakes.clock import FakeClock
from tests.fakes.runs import a_run


def opened(file: Path, busy_seconds: float = 5.0) -> SqlRunStore:
    return SqlRunStore(f"sqlite:///{file}", FakeClock(), busy_seconds=busy_seconds)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "studio.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_every_file_of_a_new_store_are_private(file: Path) -> None:
    store = opened(file)
    store.create(a_run())
    assert mode(file.parent) == 0o700
    files = list(file.parent.iterdir())
    assert {path.name for path in files} >= {"studio.db", "studio.db-wal"}
    assert {mode(path) for path in files} == {0o600}
    store.close()


def test_a_new_store_writes_ahead_and_syncs_each_commit(file: Path) -> None:
    store = opened(file)
    with store._database.read() as session:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [session.connection().exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == ["wal", 2, 1, 5000]
    store.close()


def test_the_migrations_end_at_the_typed_models(file: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    opened(file).close()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_opening_a_current_store_does_not_import_alembic(file: Path) -> None:
    opened(file).close()
    code = (
        "import sys; from backend.store.sql_store import SqlRunStore\n"
        "from tests.fakes.clock import FakeClock\n"
        f"SqlRunStore('sqlite:///{file}', FakeClock()).list()\n"
        "assert 'alembic' not in sys.modules; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_migration_that_fails_leaves_an_empty_database_and_is_done_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle of the migration")

    with monkeypatch.context() as patched:
        patched.setattr(Operations, "bulk_insert", fail)
        with pytest.raises(RuntimeError):
            opened(file)
    assert tables(file) == set()
    store = opened(file)
    store.create(a_run())
    store.close()


def tables(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return names


def changed(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_database_of_a_newer_version_is_left_untouched(file: Path) -> None:
    opened(file).close()
    changed(file, "UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    with pytest.raises(StoreFromNewerVersion) as caught:
        opened(file)
    assert "9999" in caught.value.explain().why
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_left_untouched(file: Path) -> None:
    file.parent.mkdir()
    changed(file, "CREATE TABLE recipes (name TEXT)")
    before = file.read_bytes()
    with pytest.raises(StoreForeign) as caught:
        opened(file)
    assert "recipes" in caught.value.explain().why
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_says_so_and_how_to_go_on(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("this is not a database, however long it may be" * 100)
    with pytest.raises(StoreDamaged) as caught:
        opened(file)
    assert "reindex" in caught.value.explain().fix
    assert file.read_text().startswith("this is not")


def test_a_store_that_another_process_holds_is_busy_and_works_afterwards(file: Path) -> None:
    store = opened(file, busy_seconds=0.05)
    store.create(a_run())
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        store.set_wish("a-run", Wish.STOP, "")
    assert store.get("a-run").wish is Wish.RUN, "readers are not disturbed by a writer"
    other.execute("ROLLBACK")
    other.close()
    assert store.set_wish("a-run", Wish.STOP, "").wish is Wish.STOP
    store.close()


def test_a_deleted_store_is_made_anew_and_readers_notice(file: Path) -> None:
    store = opened(file)
    store.create(a_run())
    version = store.version()
    for path in file.parent.iterdir():
        path.unlink()
    assert store.list() == ()
    assert store.version() != version
    store.create(a_run("another"))
    assert [run.id for run in opened(file).list()] == ["another"]
    store.close()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        opened(tmp_path / "file" / "studio.db")


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "SQLAlchemy URL"),
        ("not a url", "SQLAlchemy URL"),
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("nosuchdatabase://host/name", "nosuchdatabase"),
    ],
)
def test_a_url_that_cannot_work_is_a_configuration_error(url: str, word: str) -> None:
    with pytest.raises(StoreUrlInvalid) as caught:
        SqlRunStore(url, FakeClock())
    assert word in caught.value.explain().why


def test_a_missing_driver_is_named_and_the_password_is_not() -> None:
    with pytest.raises(StudioError) as caught:
        SqlRunStore("postgresql+asyncpg://me:secret@localhost/studio", FakeClock())
    assert "asyncpg" in str(caught.value)
    assert "secret" not in str(caught.value)


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("text of the driver")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (sqlite_error("SQLITE_BUSY_SNAPSHOT"), StoreBusy),
        (sqlite_error("SQLITE_READONLY_DBMOVED"), StoreReadOnly),
        (sqlite_error("SQLITE_FULL"), StoreFull),
        (sqlite_error("SQLITE_IOERR_SHMSIZE"), StoreFull),
        (sqlite_error("SQLITE_CORRUPT"), StoreDamaged),
        (sqlite_error("SQLITE_IOERR_READ"), StoreUnavailable),
        (PermissionError(13, "Permission denied"), StoreReadOnly),
        (OSError(28, "No space left on device"), StoreFull),
        (TimeoutError("held"), StoreBusy),
        (ValueError(), StoreUnavailable),
    ],
)
def test_every_failure_of_the_database_has_its_own_way_out(cause: Exception, kind: type) -> None:
    error = explained(cause, "sqlite:///x")
    assert type(error) is kind
    assert "{" not in error.explain().sentence()


def test_threads_share_one_store(file: Path) -> None:
    store = opened(file, busy_seconds=60)
    store.create(a_run())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.set_wish("a-run", Wish.RUN, str(number)), range(100)))
        listed = set(pool.map(lambda _: len(store.list()), range(20)))
    assert sorted(int(line.reason) for line in store.journal("a-run")) == list(range(100))
    assert listed == {1}
    store.close()


def test_threads_that_save_drafts_wait_for_each_other(file: Path) -> None:
    store = opened(file, busy_seconds=60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.save_draft(f"key-{number % 4}", str(number)), range(200)))
    assert {int(store.load_draft(f"key-{number}") or -1) % 4 for number in range(4)} == set(range(4))
    store.close()


def test_a_first_start_waits_for_the_one_that_migrates(file: Path) -> None:
    file.parent.mkdir()
    made: list[SqlRunStore] = []
    starter = threading.Thread(target=lambda: made.append(opened(file, busy_seconds=60)))
    with locked(file.with_name(".studio.db.lock"), 1):
        starter.start()
        starter.join(0.5)
        assert not file.exists()
        assert starter.is_alive()
    starter.join(60)
    assert made[0].list() == ()
    made[0].close()


def test_more_threads_than_connections_are_told_that_the_store_is_busy(file: Path) -> None:
    store = opened(file, busy_seconds=0.05)
    held = [store._database.read() for _ in range(15)]
    for snapshot in held:
        snapshot.__enter__().connection()
    with pytest.raises(StoreBusy):
        store.get("a-run")
    for snapshot in held:
        snapshot.__exit__(None, None, None)
    assert store.list() == ()
    store.close()


def test_first_use_by_many_threads_after_a_loss_makes_one_store(file: Path) -> None:
    store = opened(file, busy_seconds=60)
    for path in file.parent.iterdir():
        path.unlink()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.create(a_run(f"run-{number}")), range(24)))
    assert len(store.list()) == 24
    store.close()


def test_a_list_takes_the_same_number_of_queries_for_any_number_of_runs(file: Path) -> None:
    from sqlalchemy import event

    store = opened(file)
    asked: list[str] = []
    event.listen(store._database._engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    for number in range(3):
        for run in range(1 + 30 * number):
            store.restore(a_run(f"run-{number}-{run}"), [])
        asked.clear()
        store.list()
        assert len([text for text in asked if text.startswith("SELECT")]) == 3
    asked.clear()
    store.list()
    assert asked == [], "nothing changed: nothing is asked"
    store.close()


RECORDS: dict[str, Callable[[RunStore], object]] = {
    "wish": lambda store: store.set_wish("a-run", Wish.STOP, "enough"),
    "note": lambda store: store.annotate("a-run", notes="good"),
}


@pytest.mark.parametrize("change", RECORDS)
def test_a_record_that_cannot_be_written_is_logged_and_stops_nothing(
    file: Path, tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    run_dir = tmp_path / "a-run"
    (run_dir / "record.json").mkdir(parents=True)
    store = opened(file)
    store.create(a_run(run_dir=run_dir))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        RECORDS[change](store)
    assert str(run_dir) in caplog.text
    store.close()
