"""The benchmark of event file readers: the bytes that it makes are the real ones, and all readers read the same."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.util import tensor_util

from scripts.benchmarks.events import records
from scripts.benchmarks.events.c_reader import NoCompiler, compiled
from scripts.benchmarks.events.contestants import Ours
from scripts.benchmarks.events.material import Case, make_material, tensor_of_tensorflow, tensor_of_torch
from scripts.benchmarks.events.races import Lap, Race, lap, schedule
from scripts.benchmarks.events.report import BEGIN, END, TARGETS, load_table, put_between_marks, ratio, verdict

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "a": Case("a", 1, 10, 300),
    "b": Case("b", 3, 10, 20),
    "c": Case("c", 20, 5, 30),
    "e": Case("e", 1, 10, 80),
    "f": Case("f", 1, 10, 80),
}


def a_lap(contestant: str, cpu: float, number: int = 0, *, letter: str = "a", wall: float = 1.0) -> Lap:
    return Lap(contestant, "load", letter, number, cpu, wall, 1_000_000, 10, "abc")


def test_records_made_in_bulk_are_those_of_torch(tmp_path: Path) -> None:
    """Byte by byte, over steps of one to three bytes, with the record at the start."""
    from torch.utils.tensorboard import SummaryWriter

    tags = ("train/loss", "é")
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(301):
            for index, tag in enumerate(tags):
                writer.add_scalar(tag, step / (index + 3), step, walltime=1.5e9 + step)
    [name] = tmp_path.glob("*tfevents*")
    written = name.read_bytes()
    values = np.array([[step / 3, step / 4] for step in range(301)], np.float32)
    made = records.scalars(tags, values, 1.5e9 + np.arange(301.0))
    first = written[: len(written) - len(made)]
    assert written[len(first) :] == made
    assert first == records.file_version(Event.FromString(first[12:-4]).wall_time)


@pytest.mark.parametrize("number", [0.0, 1.5])
def test_tensors_made_in_bulk_are_those_of_torch_and_tensorflow(tmp_path: Path, number: float) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("a", number, 3, walltime=1.5e9, new_style=True)
    [name] = tmp_path.glob("*tfevents*")
    assert name.read_bytes().endswith(records.frame(records.event(1.5e9, 3, [tensor_of_torch("a", number)])))
    value = Summary.Value.FromString(tensor_of_tensorflow("a", number))
    plugin = SummaryMetadata.PluginData(plugin_name="scalars")
    assert value.metadata == SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")
    assert tensor_util.make_ndarray(value.tensor) == np.float32(number)
    assert value.tensor.tensor_content == np.float32(number).tobytes()


@pytest.mark.parametrize("length", [0, 1, 39, 4_095, 4_097, 9_000])
def test_checksums_made_in_bulk_are_tensorboards(length: int) -> None:
    payload = bytes(range(251)) * (length // 251 + 1)
    payload = payload[:length]
    made = records.frame(payload)
    assert made * 30 == records.framed([payload] * 30)
    assert int.from_bytes(made[-4:], "little") == masked_crc32c(payload)
    assert int.from_bytes(made[8:12], "little") == masked_crc32c(made[:8])


def test_all_readers_read_the_same(tmp_path: Path) -> None:
    """The small version of the benchmark: results, no times."""
    material = make_material(tmp_path / "material", TINY)
    try:
        library = compiled(tmp_path)
        names = ("ours", "tensorboard", "rust", "c", "c-crc")
    except NoCompiler:
        library, names = tmp_path, ("ours", "tensorboard", "rust")
    for letter in "abef":
        laps = [lap(Race(name, "load", letter), 0, material, {}, library) for name in names]
        assert len({(one.points, one.digest) for one in laps}) == 1
        assert laps[0].points > 0
        assert all(one.cpu_seconds > 0 and one.wall_seconds > 0 for one in laps)


def test_list_cache_preview_and_refresh_tell_what_a_full_reading_tells(tmp_path: Path) -> None:
    material = make_material(tmp_path / "material", TINY)
    counts = {task: lap(Race("ours", task, "c"), 0, material, {}, tmp_path).points for task in ("list", "cold", "warm")}
    assert counts == {"list": 100, "cold": 20, "warm": 3_000}
    assert lap(Race("ours", "first", "a"), 0, material, {}, tmp_path).points == 300
    assert lap(Race("ours", "refresh", "d"), 0, material, {}, tmp_path).cpu_seconds > 0
    ours = Ours()
    ours.load(material.folder / "d")
    assert {len(steps) for run in ours.runs().values() for steps, _, _ in run.values()} == {300 + 500}


def test_quick_readers_take_turns_and_slow_ones_come_once() -> None:
    races = list(schedule(3, {"ours", "c", "tensorboard"}, is_quick=False))
    assert sum(race == Race("ours", "load", "a") for _, race in races) == 3
    assert sum(race == Race("tensorboard", "load", "a") for _, race in races) == 1
    order = [
        [race for number, race in races if number == one and race.contestant != "tensorboard"] for one in (0, 1, 2)
    ]
    assert order[1] == order[2][::-1] != order[2]
    assert not any(race.contestant == "rust" for _, race in races)


def test_ratios_are_of_one_round_where_both_ran() -> None:
    ours = [a_lap("ours", 1.0, 0), a_lap("ours", 4.0, 1), a_lap("ours", 2.0, 2)]
    theirs = [a_lap("c", 2.0, 0), a_lap("c", 8.0, 1), a_lap("c", 2.0, 2)]
    assert ratio(theirs, ours) == 2.0
    assert ratio([a_lap("tensorboard", 300.0)], ours) == 150.0


def test_a_target_is_met_or_not_or_was_not_measured() -> None:
    target = next(one for one in TARGETS if one.other == "tensorboard" and one.letter == "a")
    assert "not measured" in verdict([a_lap("ours", 0.1)], target)
    assert verdict([a_lap("ours", 0.1), a_lap("tensorboard", 15.1)], target).endswith("151, met.")
    assert "**not met**" in verdict([a_lap("ours", 0.1), a_lap("tensorboard", 14.0)], target)
    first = replace(a_lap("ours", 0.03, wall=0.2), task="first")
    first_curve = next(one for one in TARGETS if one.task == "first" and one.letter == "a")
    assert verdict([first], first_curve).endswith("at most 0.1: 0.2 (0.03 of CPU), **not met**.")


def test_the_table_tells_who_read_something_else_and_who_is_missing() -> None:
    laps = [a_lap("ours", 0.1), replace(a_lap("c", 0.1), digest="other"), replace(a_lap("rust", 0.1), factor=50)]
    text = load_table(laps, "a", {"tbparse": "no network"})
    assert "| C decoder | 100 (100 to 100) | 1.00 | 1,000 | 1 | no |" in text
    assert "extrapolated from 20 runs" in text
    assert "| tbparse | not measured: no network |" in text


def test_the_page_of_benchmarks_has_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"), encoding="utf-8")
    put_between_marks(page, "the table")
    assert f"{BEGIN}\n\nthe table\n\n{END}" in page.read_text(encoding="utf-8")


def test_a_folder_of_other_sizes_is_refused(tmp_path: Path) -> None:
    make_material(tmp_path, {"a": TINY["a"]})
    with pytest.raises(SystemExit, match="other sizes"):
        make_material(tmp_path, {"a": replace(TINY["a"], steps=2)})


def test_the_command_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmarks.events", "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0
    assert "--write-docs" in done.stdout
