"""What an attempt says of its memory, and how it is read off."""

import json
import mmap
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.domain.heartbeat import Phase
from backend.domain.memory_record import MemoryRecord
from backend.executors import own_memory
from backend.trainer.memory_watch import MemoryWatch, shape_of

GOOD = {
    "device": "cpu",
    "how": "high-water mark",
    "imports_bytes": 1,
    "baseline_bytes": 10,
    "peak_bytes": 30,
    "phases": {"step": 30},
    "rows": 2,
    "tokens": 6,
    "steps": 3,
}
MIB = 1024 * 1024


def record(**changes: Any) -> MemoryRecord:
    return MemoryRecord.model_validate(GOOD | changes)


def test_what_was_measured_is_the_peak_above_the_baseline() -> None:
    assert record().measured_bytes == 20
    assert record(peak_bytes=5).measured_bytes == 0


@pytest.mark.parametrize("changes", [{"steps": 1}, {"peak_bytes": 10}, {"how": "sampled"}])
def test_a_record_without_a_second_step_a_peak_or_exact_figures_is_not_whole(changes: dict[str, Any]) -> None:
    assert record().is_whole
    assert not record(**changes).is_whole


@pytest.mark.parametrize(
    "text", ["", "[]", "{", json.dumps(GOOD | {"device": "abacus"}), json.dumps({"device": "cpu"})]
)
def test_what_is_no_record_is_none(text: str) -> None:
    assert MemoryRecord.from_json(record().model_dump_json()) == record()
    assert MemoryRecord.from_json(text) is None


def test_the_high_water_mark_holds_what_was_freed_until_it_is_reset() -> None:
    if not own_memory.reset_high_water():
        pytest.skip("this system cannot reset it")
    before = own_memory.own_resident()
    block = bytearray(os.urandom(MIB)) * 64
    held = len(block)
    del block
    seen = own_memory.own_high_water()
    assert seen is not None
    assert seen >= before + held - 2 * MIB
    assert own_memory.reset_high_water()
    after = own_memory.own_high_water()
    assert after is not None
    assert after < seen


def test_a_system_without_these_files_is_measured_by_samples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(own_memory, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(own_memory, "_CLEAR", tmp_path / "no-folder" / "clear_refs")
    watch = MemoryWatch(tmp_path / "logs" / "memory.json")
    with watch.loading():
        pass
    watch.beat(Phase.TRAINING, 1)
    watch.beat(Phase.TRAINING, 2)
    watch.write(is_last=True)
    found = MemoryRecord.from_json((tmp_path / "logs" / "memory.json").read_text())
    assert found is not None
    assert found.how == "sampled"
    assert found.peak_bytes > 0


def test_large_blocks_go_back_to_the_system_where_it_is_glibc() -> None:
    program = (
        "import ctypes, sys; from backend.executors.own_memory import *; is_set = map_large_blocks({});"
        "blocks = [bytearray(8 << 20) for _ in range(9)]; last = bytearray(300_000); del blocks; now = own_resident();"
        "blocks = [bytearray(400_000) for _ in range(50)]; del blocks[::2]; before = own_resident(); del blocks[:];"
        "sys.exit(2 if not is_set else int(before - own_resident() < 9_000_000))"
    )
    code = subprocess.run([sys.executable, "-c", program], check=False).returncode
    if code == 2:
        pytest.skip("not glibc")
    assert code == 0


def test_a_person_s_own_bound_of_the_heap_stays() -> None:
    assert not own_memory.map_large_blocks({"MALLOC_MMAP_THRESHOLD_": "1"})
    assert not own_memory.map_large_blocks({"GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.malloc.mmap_threshold=9"})
    program = (
        "import os, sys; from backend.executors import own_memory; tuned = {'GLIBC_TUNABLES': 'glibc.malloc.check=3'};"
        "sys.exit(own_memory.map_large_blocks(tuned) != own_memory.map_large_blocks({}))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == 0, "another setting says nothing about it"


def wait_for_look(watch: MemoryWatch) -> None:
    """Until the loading's peak has seen what is held now."""
    deadline = time.monotonic() + 30
    while (peak := watch._loading) is not None and peak._most < (own_memory.own_anonymous() or 0) - MIB:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_phases_are_told_apart_and_the_file_is_there_after_a_few_steps(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "attempt-001.memory.json"
    watch = MemoryWatch(file, attempt=1)
    watch.beat(Phase.TRAINING, 1)  # nothing has begun: nothing is counted
    with watch.loading():
        ballast = torch.ones(64 * MIB)
        assert len(ballast) == 64 * MIB
        wait_for_look(watch)
        del ballast
    watch.beat(Phase.TRAINING, 0)
    for step in range(1, 4):
        assert not file.exists()
        watch.beat(Phase.TRAINING, step)
    early = MemoryRecord.from_json(file.read_text())
    assert early is not None
    assert early.steps == 3
    assert early.phases["loading"] - early.baseline_bytes >= 250 * MIB
    assert early.phases["step"] < early.phases["loading"] - 200 * MIB
    watch.beat(Phase.SAVING, 4)
    watch.beat(Phase.ENDING, 4)
    watch.write(is_last=True)
    last = MemoryRecord.from_json(file.read_text())
    assert last is not None
    assert set(last.phases) == {"loading", "step", "saving"}
    assert last.peak_bytes == max(last.phases.values())


@pytest.mark.skipif(own_memory.own_file_pages() is None, reason="this system does not tell pages of files apart")
def test_pages_of_a_file_that_was_only_read_while_loading_do_not_count(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(os.urandom(64 * MIB))
    found = []
    for is_kept in (False, True):
        watch = MemoryWatch()
        with ExitStack() as kept, watch.loading(), ExitStack() as left:
            file = (kept if is_kept else left).enter_context(weights.open("rb"))
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            (kept if is_kept else left).enter_context(mapped)
            assert sum(mapped[:: mmap.PAGESIZE]) > 0
        watch.write(is_last=True)
        found.append(watch.record().phases["loading"])
    assert found[1] - found[0] >= 60 * MIB


def test_nothing_looks_on_once_loading_is_over_or_has_failed() -> None:
    watch = MemoryWatch()
    with pytest.raises(ZeroDivisionError), watch.loading():
        raise ZeroDivisionError
    with watch.loading():
        pass
    assert [thread.name for thread in threading.enumerate() if thread.name == "loading-peak"] == []


def test_a_record_that_cannot_be_written_ends_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    watch = MemoryWatch(blocked / "logs" / "memory.json")
    with watch.loading():
        pass
    watch.beat(Phase.TRAINING, 1)
    watch.write(is_last=True)
    assert "could not be written" in "".join(capsys.readouterr())


def test_a_watch_without_a_place_writes_nothing_and_one_that_never_began_leaves_no_file(tmp_path: Path) -> None:
    MemoryWatch().write(is_last=True)
    MemoryWatch(tmp_path / "memory.json").write(is_last=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("inputs", "shape"),
    [
        ({}, (0, 0)),
        ({"input_ids": torch.zeros(3, 5, dtype=torch.int64), "position_ids": torch.zeros(3, 5)}, (3, 15)),
        ({"input_ids": torch.zeros(1, 9), "row_lengths": (4, 5)}, (2, 9)),
        ({"chosen_input_ids": torch.zeros(2, 4), "rejected_input_ids": torch.zeros(2, 6)}, (4, 20)),
        ({"prompt_ids": torch.zeros(2, 3), "completion_ids": torch.zeros(2, 7)}, (2, 20)),
    ],
)
def test_the_shape_of_a_micro_batch_counts_sequences_and_all_their_tokens(
    inputs: dict[str, Any], shape: tuple[int, int]
) -> None:
    assert shape_of(inputs) == shape


def test_the_largest_micro_batch_is_kept() -> None:
    watch = MemoryWatch()
    for rows in (1, 4, 2):
        watch.micro_batch({"input_ids": torch.zeros(rows, 5)})
    assert (watch.record().rows, watch.record().tokens) == (4, 20)


def test_a_gpu_is_read_from_its_allocator_and_begins_anew_with_each_point(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = {"allocated": 70.0, "reserved": 90.0}
    resets: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 5)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: int(peaks["allocated"]))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: int(peaks["reserved"]))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: resets.append(1))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H200")
    watch = MemoryWatch()
    with watch.loading():
        pass
    watch.beat(Phase.TRAINING, 1)
    assert watch.peak_tensor_bytes() == {"gpu/0/peak_tensor_bytes": 70.0}
    peaks.update(allocated=60.0, reserved=80.0)
    watch.beat(Phase.SAVING, 2)
    found = watch.record()
    assert (found.device, found.device_name, found.how) == ("cuda", "H200", "allocator")
    assert (found.peak_bytes, found.allocated_bytes, found.measured_bytes) == (90, 70, 85)
    assert found.host_peak_bytes is not None
    assert len(resets) >= 3
