"""record.json: what the store holds about a run lies in the run's own folder, and comes back from there."""

import json
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.exit_record import ExitRecord
from backend.domain.ports import RunRecord
from backend.domain.run import Attempt, JournalLine
from backend.domain.states import RunState, Wish
from backend.domain.transition import Arrangement
from backend.store import mirror as mirroring
from backend.store.errors import RecordUnreadable
from backend.store.locking import locked
from backend.store.mirror import encoded, mirror
from backend.store.rebuilding import is_complete_adapter
from backend.store.records import DirectoryRecords, decoded
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.runs import NOON, SUPERVISOR, TRAINER, a_run, a_transition

RUN_YAML = "name: Rebuilt\nbase_model: demo\ndataset: sample:demo.jsonl\nmethod: dora\n"


@pytest.fixture
def store(tmp_path: Path) -> SqlRunStore:
    return SqlRunStore(f"sqlite:///{tmp_path / 'studio.db'}", FakeClock())


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "a-run"
    folder.mkdir(parents=True)
    return folder


def test_after_each_change_the_folder_tells_what_the_store_holds(store: SqlRunStore, run_dir: Path) -> None:
    def told() -> None:
        record = DirectoryRecords().read(run_dir)
        assert record == RunRecord(store.get("a-run"), tuple(store.journal("a-run")))

    store.create(a_run(run_dir=run_dir))
    told()
    for change in (
        lambda: store.set_wish("a-run", Wish.RUN, "go"),
        lambda: store.claim("a-run", SUPERVISOR),
        lambda: store.apply(a_transition(RunState.CREATED, RunState.STARTING)),
        lambda: store.remark("a-run", 1, "still here"),
        lambda: store.annotate("a-run", tags=["x"], notes="ü"),
        lambda: store.restore(a_run(run_dir=run_dir), [JournalLine(NOON, RunState.CREATED, RunState.CREATED, "r")]),
    ):
        change()
        told()
    assert not [path for path in run_dir.iterdir() if path.suffix == ".tmp"]


def test_what_a_run_waits_for_is_in_the_store_only(store: SqlRunStore, run_dir: Path) -> None:
    """Thousands may wait for the same: their folders, each with an fsync, would be written for minutes."""
    store.create(a_run(run_dir=run_dir, state=RunState.QUEUED))
    before = (run_dir / "record.json").stat()
    assert store.arrange(store.version(), Arrangement(messages={"a-run": "Waits until the CPU is free."}))
    assert store.get("a-run").message == "Waits until the CPU is free."
    assert (run_dir / "record.json").stat() == before
    assert store.arrange(store.version(), Arrangement(grants={"a-run": ("cpu:0",)}))
    assert DirectoryRecords().read(run_dir).run == store.get("a-run")


def test_a_run_whose_folder_is_gone_changes_without_one(store: SqlRunStore, tmp_path: Path) -> None:
    store.create(a_run(run_dir=tmp_path / "gone"))
    assert store.annotate("a-run", notes="x").notes == "x"
    assert not (tmp_path / "gone").exists()


def test_whoever_writes_last_the_newest_record_stays(
    store: SqlRunStore, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "_PATIENCE_SECONDS", 60.0)
    store.create(a_run(run_dir=run_dir))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: store.set_wish("a-run", Wish.RUN, str(number)), range(60)))
    assert len(DirectoryRecords().read(run_dir).journal) == 60


def test_a_slow_writer_never_overwrites_a_newer_record(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "_PATIENCE_SECONDS", 60.0)
    reading, go_on = threading.Event(), threading.Event()

    def read_slowly() -> RunRecord:
        reading.set()
        go_on.wait(60)
        return RunRecord(a_run(name="older"))

    slow = threading.Thread(target=mirror, args=(run_dir, read_slowly))
    fast = threading.Thread(target=mirror, args=(run_dir, lambda: RunRecord(a_run(name="newer"))))
    slow.start()
    assert reading.wait(60)
    fast.start()
    fast.join(0.3)  # without the lock it would be done by now, and be overwritten
    go_on.set()
    slow.join(60)
    fast.join(60)
    assert DirectoryRecords().read(run_dir).run.name == "newer"


def test_a_record_held_by_a_stopped_process_delays_but_does_not_block(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mirroring, "_PATIENCE_SECONDS", 0.05)
    with locked(run_dir / ".record.lock", 1):
        mirror(run_dir, lambda: RunRecord(a_run()))
    assert not (run_dir / "record.json").exists()
    assert "held by another process" in caplog.text


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    order: list[str] = []
    taken = threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock", 30):
            taken.set()
            order.append("first")

    holder = threading.Thread(target=hold)
    with locked(tmp_path / "lock", 30):
        holder.start()
        assert not taken.wait(0.1)
        order.append("outer")
    holder.join(30)
    assert order == ["outer", "first"]


TIMES = st.datetimes(min_value=NOON.replace(year=1970, tzinfo=None), timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
STATES = st.sampled_from(RunState)
ATTEMPTS = st.builds(
    Attempt,
    number=st.integers(1, 10**6),
    token=TEXTS,
    started_at=TIMES,
    process=st.none() | st.just(TRAINER),
    ended_at=st.none() | TIMES,
    exit_code=st.none() | st.integers(-64, 255),
    resumed_from_step=st.none() | st.integers(0, 10**9),
    last_step=st.none() | st.integers(0, 10**9),
    reason=TEXTS,
)
RECORDS = st.builds(
    RunRecord,
    run=st.builds(
        replace,
        st.just(a_run()),
        name=TEXTS,
        state=STATES,
        wish=st.sampled_from(Wish),
        created_at=TIMES,
        updated_at=TIMES,
        notes=TEXTS,
        tags=st.lists(TEXTS).map(tuple),
        supervisor=st.none() | st.just(SUPERVISOR),
        fence=st.integers(0, 2**62),
        attempts=st.lists(ATTEMPTS).map(tuple),
    ),
    journal=st.lists(st.builds(JournalLine, TIMES, STATES, STATES, TEXTS, st.none() | st.integers(1))).map(tuple),
)


@given(RECORDS)
def test_any_record_comes_back_from_its_text(record: RunRecord) -> None:
    assert decoded(encoded(record)) == record


@given(RECORDS, st.data())
def test_a_torn_record_is_no_record(record: RunRecord, data: st.DataObject) -> None:
    text = encoded(record)
    cut = data.draw(st.integers(0, len(text) - 1))
    assert decoded(text[:cut]) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_foreign_json_is_no_record(value: object) -> None:
    assert decoded(json.dumps(value)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"schema_version": "1"},
        {"run": None},
        {"run": {**json.loads(encoded(RunRecord(a_run())))["run"], "state": "dancing"}},
        {"run": {**json.loads(encoded(RunRecord(a_run())))["run"], "created_at": "2026-01-01T00:00:00"}},
    ],
)
def test_a_record_of_another_version_or_meaning_is_no_record(change: dict) -> None:
    document = json.loads(encoded(RunRecord(a_run())))
    assert decoded(json.dumps(document)) is not None
    assert decoded(json.dumps(document | change)) is None


def test_a_record_in_a_moved_folder_gives_the_folder_it_lies_in(run_dir: Path) -> None:
    (run_dir / "record.json").write_text(encoded(RunRecord(a_run(run_dir=Path("/another/machine/a-run")))))
    assert DirectoryRecords().read(run_dir).run.run_dir == run_dir


def test_a_copied_folder_with_the_record_of_another_run_is_refused(run_dir: Path) -> None:
    (run_dir / "record.json").write_text(encoded(RunRecord(a_run("original"))))
    with pytest.raises(RecordUnreadable) as caught:
        DirectoryRecords().read(run_dir)
    assert "original" in caught.value.explain().why


def adapter(folder: Path, missing_bytes: int = 0) -> None:
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"a": "b"}})
    whole = struct.pack("<Q", len(header)) + header.encode() + b"\0" * 8
    (folder / "adapter_model.safetensors").write_bytes(whole[: len(whole) - missing_bytes])


@pytest.mark.parametrize("record", [None, "", '{"schema_version": 1, "run": {"id"'])
def test_without_a_record_a_run_is_rebuilt_from_its_files_and_waits(run_dir: Path, record: str | None) -> None:
    (run_dir / "run.yaml").write_text(RUN_YAML)
    if record is not None:
        (run_dir / "record.json").write_text(record)
    (run_dir / "logs").mkdir()
    for name in ("attempt-001.log", "attempt-012.log", "supervisor.log", "attempt-x.log"):
        (run_dir / "logs" / name).write_text("")
    (run_dir / "logs" / "attempt-001.exit.json").write_text(ExitRecord(code=70, step=41).to_json())
    (run_dir / "checkpoints" / "checkpoint-40").mkdir(parents=True)
    (run_dir / "checkpoints" / "checkpoint-40" / "MANIFEST.json").write_text("{}")
    run = DirectoryRecords().read(run_dir).run
    assert (run.id, run.name, run.method, run.base_model, run.dataset) == (
        "a-run",
        "Rebuilt",
        "dora",
        "demo",
        "sample:demo.jsonl",
    )
    assert (run.state, run.wish, run.needs_supervisor) == (RunState.STOPPED, Wish.STOP, False)
    assert "step 40" in run.message
    facts = [(attempt.number, attempt.exit_code, attempt.last_step) for attempt in run.attempts]
    assert facts == [(1, 70, 41), (12, None, None)]


def test_a_rebuilt_run_with_a_complete_adapter_is_finished(run_dir: Path) -> None:
    (run_dir / "run.yaml").write_text(RUN_YAML)
    adapter(run_dir / "adapter")
    run = DirectoryRecords().read(run_dir).run
    assert (run.state, run.attempts) == (RunState.FINISHED, ())


def test_a_rebuilt_run_without_a_checkpoint_says_that_it_starts_over(run_dir: Path) -> None:
    (run_dir / "run.yaml").write_text(RUN_YAML)
    adapter(run_dir / "adapter", missing_bytes=1)
    run = DirectoryRecords().read(run_dir).run
    assert run.state is RunState.STOPPED
    assert "from the beginning" in run.message


def test_the_time_of_creation_is_read_from_the_id(tmp_path: Path) -> None:
    folder = tmp_path / "20260203-040506-demo-12ab"
    folder.mkdir()
    (folder / "run.yaml").write_text(RUN_YAML)
    assert DirectoryRecords().read(folder).run.created_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    odd = tmp_path / "20269999-040506-demo"
    odd.mkdir()
    (odd / "run.yaml").write_text(RUN_YAML)
    written = datetime.fromtimestamp((odd / "run.yaml").stat().st_mtime, UTC)
    assert DirectoryRecords().read(odd).run.created_at == written


@pytest.mark.parametrize(
    ("text", "word"),
    [(None, "no run.yaml"), ("method: [", "cannot be read"), ("colour: red", "cannot be read")],
)
def test_a_folder_that_tells_of_no_run_says_why(run_dir: Path, text: str | None, word: str) -> None:
    if text is not None:
        (run_dir / "run.yaml").write_text(text)
    with pytest.raises(RecordUnreadable) as caught:
        DirectoryRecords().read(run_dir)
    assert word in caught.value.explain().why


def test_a_record_beyond_all_reason_is_not_read(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run_dir / "record.json").write_text(encoded(RunRecord(a_run(run_dir=run_dir, name="Recorded"))))
    (run_dir / "run.yaml").write_text(RUN_YAML)
    assert DirectoryRecords().read(run_dir).run.name == "Recorded"
    monkeypatch.setattr("backend.store.records.MAX_RECORD_BYTES", 10)
    assert DirectoryRecords().read(run_dir).run.name == "Rebuilt"


@given(st.binary(max_size=64))
def test_bytes_that_are_no_safetensors_are_no_adapter(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("adapter")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(data)
    assert not is_complete_adapter(folder)
