"""A folder of event files becomes one set of curves."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

from backend.domain.curves import MAX_TAGS, Damage
from backend.event_files.folder import EventFolder
from tests.fakes.event_bytes import (
    append,
    as_told_by_tensorboard,
    as_we_tell,
    frame,
    points,
    restart,
    scalar,
    tensors,
    version,
    write,
)


def _scalars(*steps: int, value: float = 0.0, tag: str = "train/loss") -> list[bytes]:
    return [scalar(step, value or step, tag) for step in steps]


def _steps(folder: EventFolder, tag: str = "train/loss") -> list[int]:
    return [step for step, _ in points(folder.read(), tag)]


def test_files_of_tensorboards_own_writer_are_read_as_tensorboard_reads_them(tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path))
    for step, tag in itertools.product(range(300), ("train/loss", "eval/loss", "é/ü")):
        value = Summary.Value(tag=tag, simple_value=1 / (step + len(tag)))
        writer.add_event(Event(wall_time=step * 0.1, step=step, summary=Summary(value=[value])))
    writer.close()
    told = as_told_by_tensorboard(tmp_path)
    assert len(told) == 3
    assert as_we_tell(EventFolder(tmp_path).read()) == told


def test_torchs_writer_with_a_purge_step_is_read_as_tensorboard_reads_it(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(10):
            writer.add_scalar("train/loss", 1.0, step)
            writer.add_scalar("train/tensor", 1.0, step, new_style=True)
            writer.add_histogram("weights", np.arange(step + 2), step)
            writer.add_text("note", "a" * step, step)
    with SummaryWriter(str(tmp_path), purge_step=6, filename_suffix=".second") as writer:
        for step in range(6, 12):
            writer.add_scalar("train/loss", 2.0, step)
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(step, 1.0 if step < 6 else 2.0) for step in range(12)]
    assert points(curves, "train/tensor") == [(step, 1.0) for step in range(6)]
    assert as_we_tell(curves)["train/loss"] == as_told_by_tensorboard(tmp_path)["train/loss"]
    assert set(curves.series) == {"train/loss", "train/tensor"}


def test_torchs_add_scalars_gives_one_curve_per_nested_folder(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(3):
            writer.add_scalars("loss", {"train": 1.0, "eval": 2.0}, step)
            writer.add_scalar("lr", 0.5, step)
    curves = EventFolder(tmp_path).read()
    assert set(curves.series) == {"lr", "loss_train/loss", "loss_eval/loss"}
    assert points(curves, "loss_eval/loss") == [(0, 2.0), (1, 2.0), (2, 2.0)]


def test_attempts_with_restart_markers_give_each_step_once(tmp_path: Path) -> None:
    write(tmp_path, "100.h.1.0", [version(), *_scalars(*range(1, 11), value=1.0)])
    write(tmp_path, "200.h.2.0", [version(), restart(8), *_scalars(*range(8, 14), value=2.0)])
    write(tmp_path, "300.h.3.0", [version(), restart(4), *_scalars(4, 5, value=3.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [*((step, 1.0) for step in range(1, 4)), (4, 3.0), (5, 3.0)]
    assert as_we_tell(curves) == as_told_by_tensorboard(tmp_path)


def test_a_marker_speaks_for_tags_that_its_file_never_writes(tmp_path: Path) -> None:
    write(tmp_path, "100", [version(), *_scalars(1, 2, 3, tag="eval/loss")])
    write(tmp_path, "200", [version(), restart(2), *_scalars(2)])
    assert _steps(EventFolder(tmp_path), "eval/loss") == [1]


def test_a_marker_also_counts_for_a_tag_that_its_file_begins_later(tmp_path: Path) -> None:
    write(tmp_path, "100", [version(), *_scalars(1, 2, 3, tag="eval/loss")])
    later = write(tmp_path, "200", [version(), restart(2)])
    folder = EventFolder(tmp_path)
    assert _steps(folder, "eval/loss") == [1]
    append(later, scalar(9, 0.0, "eval/loss"))
    assert _steps(folder, "eval/loss") == [1, 9]


def test_without_markers_a_step_that_goes_back_wins_for_its_tag_only(tmp_path: Path) -> None:
    write(tmp_path, "100", [version(), *_scalars(1, 2, 3), *_scalars(1, 2, 3, tag="eval/loss")])
    write(tmp_path, "200", [version(), *_scalars(2, value=9.0)])
    folder = EventFolder(tmp_path)
    assert points(folder.read()) == [(1, 1.0), (2, 9.0)]
    assert _steps(folder, "eval/loss") == [1, 2, 3]


def test_files_are_ordered_by_the_number_in_their_name(tmp_path: Path) -> None:
    write(tmp_path, "1000.h", [version(), *_scalars(2, 3, value=2.0)])
    write(tmp_path, "999.h", [version(), *_scalars(1, 2, value=1.0)])
    assert points(EventFolder(tmp_path).read()) == [(1, 1.0), (2, 2.0), (3, 2.0)]


def test_of_two_files_of_one_second_the_one_that_began_later_wins(tmp_path: Path) -> None:
    write(tmp_path, "5.h.10000.0", [scalar(1, 2.0, wall_time=5.9)])
    write(tmp_path, "5.h.9999.0", [scalar(1, 1.0, wall_time=5.1)])
    assert points(EventFolder(tmp_path).read()) == [(1, 2.0)]


def test_an_older_file_that_still_grows_is_heard(tmp_path: Path) -> None:
    older = write(tmp_path, "1", [version(), *_scalars(1, tag="a")])
    newer = write(tmp_path, "2", [version(), *_scalars(1, tag="b")])
    folder = EventFolder(tmp_path)
    folder.read()
    append(older, scalar(2, 0.0, "a"))
    append(newer, scalar(2, 0.0, "b"))
    assert _steps(folder, "a") == _steps(folder, "b") == [1, 2]


def test_a_restart_in_the_same_file_does_not_change_older_snapshots(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), *_scalars(*range(10), value=1.0)])
    folder = EventFolder(tmp_path)
    snapshots = [folder.read()]
    for start in (5, 3, 7):
        append(path, restart(start) + b"".join(_scalars(start, start + 1, value=float(start))))
        snapshots.append(folder.read())
    assert points(snapshots[0]) == [(step, 1.0) for step in range(10)]
    assert points(snapshots[1]) == [*((step, 1.0) for step in range(5)), (5, 5.0), (6, 5.0)]
    assert points(snapshots[2]) == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 3.0), (4, 3.0)]
    assert points(snapshots[3])[5:] == [(7, 7.0), (8, 7.0)]


def test_a_removed_file_takes_its_points_along(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(1, 2)])
    second = write(tmp_path, "2", [version(), *_scalars(2, 3)])
    folder = EventFolder(tmp_path)
    before = folder.read()
    second.unlink()
    assert _steps(folder) == [1, 2]
    assert points(before) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_bytes_that_complete_no_record_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), *_scalars(1)])
    folder = EventFolder(tmp_path)
    before = folder.read()
    append(path, scalar(2, 1.0)[:20])
    assert folder.read() is before
    append(path, scalar(2, 1.0)[20:])
    assert folder.read().version == before.version + 1


def test_a_missing_or_empty_folder_has_no_series(tmp_path: Path) -> None:
    assert dict(EventFolder(tmp_path / "nothing").read().series) == {}
    folder = EventFolder(tmp_path / "later")
    assert dict(folder.read().series) == {}
    write(tmp_path / "later", "1", [version(), *_scalars(1)])
    assert _steps(folder) == [1]


def test_a_folder_that_may_not_be_listed_has_no_series(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert dict(EventFolder(file).read().series) == {}


def test_other_files_and_deeper_folders_are_not_read(tmp_path: Path) -> None:
    for path in (tmp_path / "a" / "b", tmp_path):
        path.mkdir(parents=True, exist_ok=True)
    write(tmp_path / "a" / "b", "1", _scalars(1, tag="deep"))
    write(tmp_path, "1.profile-empty", _scalars(1, tag="profile"))
    (tmp_path / "notes.txt").write_bytes(b"".join(_scalars(1, tag="notes")))
    (tmp_path / "events.out.tfevents.9").mkdir()
    assert dict(EventFolder(tmp_path).read().series) == {}


def test_nested_folders_are_merged_each_for_itself(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(1, 2, 3, tag="loss"), *_scalars(5, tag="sub/loss")])
    write(tmp_path / "sub", "2", [version(), restart(2), *_scalars(2, tag="loss"), *_scalars(4, tag="lr")])
    folder = EventFolder(tmp_path)
    assert _steps(folder, "loss") == [1, 2, 3]
    assert _steps(folder, "sub/loss") == [5]
    assert _steps(folder, "sub//loss") == [2]
    assert _steps(folder, "sub/lr") == [4]


def test_a_nested_folder_whose_name_is_no_utf_8_gives_tags_that_can_be_sent(tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"a\xff"), "1", [version(), scalar(1, 0.5)])
    (tag,) = EventFolder(tmp_path).read().series
    assert tag.encode() == rb"a\xff/train/loss"


def test_links_are_followed_inside_of_the_folder_only(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "run"
    secret = write(outside, "1", _scalars(1, tag="secret"))
    own = write(inside, "1", _scalars(1, tag="own"))
    (inside / "events.out.tfevents.2").symlink_to(secret)
    (inside / "linked").symlink_to(outside)
    (inside / "events.out.tfevents.0").symlink_to(own)
    (inside / "same").symlink_to(inside)
    (inside / "events.out.tfevents.4").symlink_to(inside / "nowhere")
    (inside / "events.out.tfevents.5").symlink_to(inside / "events.out.tfevents.5")
    curves = EventFolder(inside).read()
    assert {tag: len(series) for tag, series in curves.series.items()} == {"own": 1}


def test_damage_names_the_file_inside_the_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "sub", "1", [bytes(40)])
    folder = EventFolder(tmp_path)
    assert folder.read().damage == (Damage("sub/events.out.tfevents.1", 0, 39),)
    append(path, version())
    assert folder.read().damage == (Damage("sub/events.out.tfevents.1", 0, 39),)


def test_long_tags_and_too_many_tags_are_counted_not_kept(tmp_path: Path) -> None:
    long = [scalar(step, 1.0, "é" * 201) for step in range(3)] + [scalar(1, 1.0, "x" * 900)]
    fits = [scalar(1, 1.0, "é" * 200)]
    many = [scalar(1, 1.0, f"tag/{number}") for number in range(MAX_TAGS + 5)]
    write(tmp_path, "1", [version(), *fits, *long, *many])
    write(tmp_path / "sub", "1", [scalar(1, 1.0, "one more")])
    curves = EventFolder(tmp_path).read()
    assert len(curves.series) == MAX_TAGS
    assert "é" * 200 in curves.series
    assert curves.num_ignored_points == 4 + 6 + 1


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "?"])
@pytest.mark.parametrize("num_records", [1, 20])
def test_tensors_of_each_number_type_are_read_as_tensorboard_reads_them(
    tmp_path: Path, dtype: str, num_records: int
) -> None:
    value = np.array(1 if dtype == "?" else 100, np.dtype(dtype))
    listed = tensor_util.make_tensor_proto(value)
    raw = TensorProto(dtype=listed.dtype, tensor_content=value.tobytes())
    assert not listed.tensor_content
    write(tmp_path, "1", [tensors(step, {"listed": listed, "raw": raw}) for step in range(num_records)])
    curves = EventFolder(tmp_path).read()
    assert points(curves, "listed") == points(curves, "raw")
    assert points(curves, "raw") == [(step, float(value)) for step in range(num_records)]
    assert as_we_tell(curves) == as_told_by_tensorboard(tmp_path, ["listed", "raw"])


@pytest.mark.parametrize("num_records", [1, 20])
def test_bfloat16_negative_and_unsigned_integers_are_scalars(tmp_path: Path, num_records: int) -> None:
    values = {
        "raw": TensorProto(dtype="DT_BFLOAT16", tensor_content=b"\xc0\xbf"),
        "listed": TensorProto(dtype="DT_BFLOAT16", half_val=[0xBFC0]),
        "int": TensorProto(dtype="DT_INT32", int_val=[-7]),
        "long": TensorProto(dtype="DT_INT64", tensor_content=(-7).to_bytes(8, "little", signed=True)),
        "u4": TensorProto(dtype="DT_UINT32", uint32_val=[2**32 - 1]),
        "u8": TensorProto(dtype="DT_UINT64", uint64_val=[2**63]),
        "u8 raw": TensorProto(dtype="DT_UINT64", tensor_content=(2**63).to_bytes(8, "little")),
    }
    write(tmp_path, "1", [tensors(step, values) for step in range(num_records)])
    curves = EventFolder(tmp_path).read()
    assert {tag: series.values[-1] for tag, series in curves.series.items()} == {
        "raw": -1.5, "listed": -1.5, "int": -7.0, "long": -7.0, "u4": 2.0**32 - 1, "u8": 2.0**63, "u8 raw": 2.0**63,
    }  # fmt: skip


def test_tensors_that_hold_no_single_number_are_no_scalars(tmp_path: Path) -> None:
    one = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    none = TensorShapeProto(dim=[TensorShapeProto.Dim(size=0)])
    three = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
    values = {
        "vector of one": TensorProto(dtype="DT_FLOAT", tensor_shape=one, float_val=[2.0]),
        "empty": TensorProto(dtype="DT_FLOAT", tensor_shape=none),
        "one number three times": TensorProto(dtype="DT_FLOAT", tensor_shape=three, float_val=[2.0]),
        "vector": tensor_util.make_tensor_proto(np.arange(3.0)),
        "text": tensor_util.make_tensor_proto("words"),
        "complex": TensorProto(dtype="DT_COMPLEX64", scomplex_val=[1.0, 2.0]),
        "wrong size": TensorProto(dtype="DT_FLOAT", tensor_content=b"\0\0"),
        "two": TensorProto(dtype="DT_FLOAT", float_val=[1.0, 2.0]),
        "two integers": TensorProto(dtype="DT_INT32", int_val=[1, 2]),
        "nothing": TensorProto(dtype="DT_FLOAT"),
        "unknown": TensorProto(dtype=120, float_val=[1.0]),
    }
    write(tmp_path, "1", [tensors(1, values)])
    curves = EventFolder(tmp_path).read()
    assert {tag: series.values.tolist() for tag, series in curves.series.items()} == {"vector of one": [2.0]}
    assert curves.damage == ()


def test_other_plugins_are_ignored_and_scalars_beside_them_are_not(tmp_path: Path) -> None:
    values = [
        Summary.Value(tag="histogram", histo=HistogramProto(min=0, max=1)),
        Summary.Value(tag="image", image=Summary.Image(height=1, width=1, encoded_image_string=b"x")),
        Summary.Value(
            tag="loss",
            simple_value=3.0,
            metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars")),
        ),
        Summary.Value(tag="loss/second", simple_value=4.0),
    ]
    event = Event(step=2, wall_time=1.0, summary=Summary(value=values))
    write(tmp_path, "1", [frame(event.SerializeToString())] * 30)
    curves = EventFolder(tmp_path).read()
    assert as_we_tell(curves) == {"loss": [(2, 3.0, 1.0)], "loss/second": [(2, 4.0, 1.0)]}


def test_of_several_values_in_one_the_last_counts_as_in_protobuf(tmp_path: Path) -> None:
    scalar_value = Summary.Value(tag="loss", simple_value=3.0).SerializeToString()
    histogram = Summary.Value(histo=HistogramProto(min=0, max=1)).SerializeToString()
    for name, value in (("1", scalar_value + histogram), ("2", histogram + scalar_value)):
        summary = bytes([0x0A, len(value)]) + value
        record = Event(step=int(name)).SerializeToString() + bytes([0x2A, len(summary)]) + summary
        told = Event.FromString(record).summary.value[0].WhichOneof("value")
        assert told == ("histo" if name == "1" else "simple_value")
        write(tmp_path, name, [frame(record)])
    assert points(EventFolder(tmp_path).read(), "loss") == [(2, 3.0)]


def test_memory_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(*range(1000))])
    folder = EventFolder(tmp_path)
    folder.read()
    one = folder.num_bytes
    assert one >= 24_000
    write(tmp_path, "2", [version(), *_scalars(*range(1000, 2000))])
    folder.read()
    assert folder.num_bytes >= 2 * one
