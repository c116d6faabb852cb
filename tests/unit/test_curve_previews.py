"""A preview samples every curve with few reads, whatever the size of the file."""

from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from backend.event_files import sampling
from backend.event_files.folder import EventFolder
from backend.event_files.preview import preview
from tests.fakes.event_bytes import as_we_tell, frame, restart, scalar, version, write

STEPS = 12_000


def _large(folder: Path, name: str = "1", first: int = 0) -> Path:
    """Over 1 MiB: two curves, the second with a tenth of the points."""
    records = [version()]
    for step in range(first, first + STEPS):
        records.append(scalar(step, step / 2, "loss"))
        if step % 10 == 0:
            records.append(scalar(step, float(step), "eval/a tag with a rather long name"))
        records.append(scalar(step, -float(step), "lr"))
    return write(folder, name, records)


def test_a_large_file_is_sampled_evenly_with_both_ends(tmp_path: Path) -> None:
    path = _large(tmp_path)
    told = preview(path, 100)
    assert 0.02 < told.share < 0.2
    assert told.num_bytes_read < 130_000
    for tag, series in told.series.items():
        assert len(series) >= 50
        assert series.steps[0] == 0
        assert np.diff(series.steps).max() < STEPS / 100 * (10 if tag.startswith("eval") else 3)
    assert told.series["loss"].steps[-1] == told.series["lr"].steps[-1] == STEPS - 1
    assert (told.series["loss"].values == told.series["loss"].steps / 2).all()
    assert (told.series["lr"].wall_times == 1000.0 + told.series["lr"].steps).all()


def test_more_reads_show_more(tmp_path: Path) -> None:
    path = _large(tmp_path)
    few, many = preview(path, 50), preview(path, 500)
    assert few.share < many.share < 1.0
    assert len(few.series["loss"]) < len(many.series["loss"])


def test_small_files_are_read_whole(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in range(200):
            writer.add_scalar("loss", step / 7, step)
            writer.add_scalar("new", step / 3, step, new_style=True)
            writer.add_scalars("both", {"a": step, "b": -step}, step)
        writer.add_histogram("weights", np.arange(10.0), 300)
    told = preview(tmp_path)
    assert told.share == 1.0
    curves = EventFolder(tmp_path).read()
    assert {tag: one.steps.tolist() for tag, one in told.series.items()} == {
        tag: [row[0] for row in rows] for tag, rows in as_we_tell(curves).items()
    }


def test_attempts_are_merged_and_share_the_reads(tmp_path: Path) -> None:
    _large(tmp_path, "1")
    _large(tmp_path, "2", first=STEPS // 2)
    write(tmp_path, "3", [version(), restart(STEPS), scalar(STEPS, 7.0, "loss")])
    told = preview(tmp_path, 200)
    steps = told.series["loss"].steps
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == STEPS
    assert told.series["lr"].steps[-1] < STEPS
    assert told.num_bytes_read < 250_000


def test_records_longer_than_a_read_are_read_at_greater_length(tmp_path: Path) -> None:
    def record(step: int) -> bytes:
        values = [Summary.Value(tag=f"layer/{i}/norm", simple_value=step + i) for i in range(100)]
        return frame(Event(step=step, wall_time=1.0, summary=Summary(value=values)).SerializeToString())

    path = write(tmp_path, "1", [version(), *map(record, range(1_000))])
    assert len(record(500)) > sampling.READ_BYTES[0]
    told = preview(path, 60)
    assert len(told.series) == 100
    assert all(len(series) >= 40 for series in told.series.values())
    assert (told.series["layer/99/norm"].values == told.series["layer/99/norm"].steps + 99).all()


def test_damaged_records_are_left_out(tmp_path: Path) -> None:
    path = _large(tmp_path)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(data), 3_000):
        data[at] ^= 1 << rng.integers(0, 8)
    path.write_bytes(data)
    told = preview(path, 300)
    loss = told.series["loss"]
    assert len(loss) > 200
    assert (loss.values == loss.steps / 2).all()


def test_what_is_no_file_has_no_preview(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", write(tmp_path / "sub", "1", [])):
        told = preview(path)
        assert (dict(told.series), told.share, told.num_bytes_read) == ({}, 1.0, 0)
