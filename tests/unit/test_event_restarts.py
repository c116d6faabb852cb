"""What attempts and writers leave behind: ghosts, restarts, repeats, other records, and no point is lost silently."""

import tracemalloc
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from backend.domain.curve_merging import MAX_GHOSTS
from backend.domain.curves import Curves, Kind
from backend.event_files.folder import EventFolder
from backend.event_files.others import MAX_PLACES
from tests.fakes.event_bytes import append, frame, points, restart, scalar, version, write


def _scalars(*steps: int, value: float = 1.0, tag: str = "train/loss") -> list[bytes]:
    return [scalar(step, value, tag) for step in steps]


def _ghosts(curves: Curves, tag: str = "train/loss") -> list[list[tuple[int, float]]]:
    return [list(zip(ghost.steps.tolist(), ghost.values.tolist(), strict=True)) for ghost in curves.ghosts.get(tag, ())]


def test_points_voided_by_a_marker_are_ghosts(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(1, 2, 3, 4), restart(3), *_scalars(3, 4, 5, value=2.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]
    assert _ghosts(curves) == [[(3, 1.0), (4, 1.0)]]
    assert curves.restarts == (3,)
    assert dict(curves.num_repeats) == {}


def test_a_step_back_without_a_marker_is_one_restart_however_many_tags_go_back(tmp_path: Path) -> None:
    first = [record for step in range(1, 8) for record in (*_scalars(step, tag="a"), *_scalars(step, tag="b"))]
    again = [record for step in range(5, 9) for record in (*_scalars(step, tag="a"), *_scalars(step, tag="b"))]
    path = write(tmp_path, "1", [version(), *first])
    growing = EventFolder(tmp_path)
    growing.read()
    for record in again:
        append(path, record)
        curves = growing.read()
    for told in (curves, EventFolder(tmp_path).read()):
        assert told.restarts == (5,)
        assert told.series["a"].steps.tolist() == list(range(1, 9))
        assert _ghosts(told, "a") == _ghosts(told, "b") == [[(5, 1.0), (6, 1.0), (7, 1.0)]]


def test_ghosts_of_several_attempts_are_told_oldest_first(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(1, 2, 3, value=1.0)])
    write(tmp_path, "2", [version(), restart(2), *_scalars(2, 3, value=2.0)])
    write(tmp_path, "3", [version(), *_scalars(3, 4, value=3.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 3.0)]
    assert _ghosts(curves) == [[(2, 1.0), (3, 1.0)], [(3, 2.0)]]
    assert curves.restarts == (2, 3)


def test_of_a_step_written_again_at_once_the_last_counts_and_the_others_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), *_scalars(1, 2), scalar(2, 5.0), scalar(2, 6.0)])
    folder = EventFolder(tmp_path)
    assert points(folder.read()) == [(1, 1.0), (2, 6.0)]
    append(path, scalar(2, 7.0))
    curves = folder.read()
    assert points(curves) == [(1, 1.0), (2, 7.0)]
    assert dict(curves.num_repeats) == {"train/loss": 3}
    assert _ghosts(curves) == []
    assert curves.restarts == ()


def test_five_points_at_one_step_leave_the_last(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *[scalar(0, float(number)) for number in range(5)]])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(0, 4.0)]
    assert dict(curves.num_repeats) == {"train/loss": 4}


def test_two_writers_that_take_turns_lose_nothing(tmp_path: Path) -> None:
    older = write(tmp_path, "1", [version(), *_scalars(1, 2, 3)])
    newer = write(tmp_path, "2", [version()])
    folder = EventFolder(tmp_path)
    folder.read()
    for step in range(4, 20):
        append(older, scalar(step, 1.0))
        append(newer, scalar(step - 2, 2.0))
        curves = folder.read()
        told = points(curves) + [point for ghost in _ghosts(curves) for point in ghost]
        assert sorted(told) == sorted(
            [(one, 1.0) for one in range(1, step + 1)] + [(one - 2, 2.0) for one in range(4, step + 1)]
        )
        assert points(curves)[0] == (1, 1.0)
    assert curves.restarts == (2,)


def test_writers_of_different_tags_do_not_disturb_one_another(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(1, 2, 3, tag="a")])
    write(tmp_path, "2", [version(), *_scalars(1, 2, 3, tag="b")])
    curves = EventFolder(tmp_path).read()
    assert set(curves.series) == {"a", "b"}
    assert (dict(curves.ghosts), curves.restarts) == ({}, ())


def test_ghosts_are_bounded(tmp_path: Path) -> None:
    steps = [step for _ in range(100) for step in (5, 6, 7)]
    write(tmp_path, "1", [version(), *_scalars(*steps)])
    curves = EventFolder(tmp_path).read()
    assert len(curves.ghosts["train/loss"]) == MAX_GHOSTS
    assert len(curves.restarts) == 99


def test_a_refresh_copies_neither_a_file_nor_a_merged_curve(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(*range(100))])
    newer = write(tmp_path, "2", [version(), *_scalars(*range(90, 1_000))])
    folder = EventFolder(tmp_path)
    before = folder.read().series["train/loss"]
    shared = 0
    for step in range(1_000, 1_010):
        append(newer, scalar(step, 1.0))
        after = folder.read().series["train/loss"]
        shared += np.shares_memory(before.values, after.values)
        assert after.steps.tolist() == list(range(step + 1))
        before = after
    assert shared >= 9


def _tensor(tag: str, plugin: str, **fields: object) -> Summary.Value:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    return Summary.Value(tag=tag, metadata=metadata, tensor=TensorProto(**fields))


def test_records_that_hold_no_scalars_are_told_by_place(tmp_path: Path) -> None:
    nothing = TensorShapeProto(dim=[TensorShapeProto.Dim(size=0)])
    values = {
        Kind.TEXT: _tensor("text", "text", dtype="DT_STRING", string_val=[b"words"]),
        Kind.HPARAMS: _tensor("hparams", "hparams", dtype="DT_FLOAT", tensor_shape=nothing),
        Kind.HISTOGRAM: Summary.Value(tag="histogram", histo=HistogramProto(min=0, max=1)),
        Kind.IMAGE: Summary.Value(tag="image", image=Summary.Image(height=1, width=1, encoded_image_string=b"x")),
        Kind.AUDIO: Summary.Value(tag="audio", audio=Summary.Audio(sample_rate=1.0)),
        Kind.OTHER: _tensor("other", "unknown", dtype="DT_FLOAT", float_val=[1.0, 2.0]),
    }
    events = [
        Event(step=step, wall_time=step + 0.5, summary=Summary(value=[value]))
        for step in range(1, 12)
        for value in values.values()
    ]
    path = write(tmp_path, "1", [version(), *_scalars(1), *[frame(event.SerializeToString()) for event in events]])
    curves = EventFolder(tmp_path).read()
    written = path.read_bytes()
    assert {other.kind for other in curves.others.values()} == set(values)
    for kind, value in values.items():
        other = curves.others[value.tag]
        assert (other.tag, other.kind) == (value.tag, kind)
        assert [place.step for place in other.places] == list(range(1, 12))
        for place in other.places:
            event = Event.FromString(written[place.offset : place.offset + place.length])
            assert event.summary.value[0] == value
            assert (event.step, event.wall_time, place.file) == (place.step, place.wall_time, path.name)


def test_the_first_record_that_says_so_tells_what_a_tag_holds(tmp_path: Path) -> None:
    bare = Summary.Value(tag="note", tensor=TensorProto(dtype="DT_STRING", string_val=[b"more"]))
    values = [_tensor("note", "text", dtype="DT_STRING", string_val=[b"words"]), bare]
    events = [Event(step=step, summary=Summary(value=[value])) for step, value in enumerate(values)]
    write(tmp_path, "1", [frame(event.SerializeToString()) for event in events])
    other = EventFolder(tmp_path).read().others["note"]
    assert (other.kind, len(other.places)) == (Kind.TEXT, 2)


def test_texts_of_a_repeated_stretch_are_told_once_and_those_of_one_step_all(tmp_path: Path) -> None:
    def text(step: int) -> bytes:
        value = _tensor("note", "text", dtype="DT_STRING", string_val=[b"words"])
        return frame(Event(step=step, summary=Summary(value=[value])).SerializeToString())

    write(tmp_path, "1", [version(), text(1), text(2), text(2), text(3)])
    write(tmp_path, "2", [version(), restart(3), text(3), text(4)])
    places = EventFolder(tmp_path).read().others["note"].places
    assert [(place.file[-1], place.step) for place in places] == [("1", 1), ("1", 2), ("1", 2), ("2", 3), ("2", 4)]


def test_an_image_larger_than_a_block_is_told(tmp_path: Path) -> None:
    image = Summary.Image(height=1, width=1, encoded_image_string=bytes(3_000_000))
    event = Event(step=4, summary=Summary(value=[Summary.Value(tag="image", image=image)]))
    write(tmp_path, "1", [version(), *_scalars(1), frame(event.SerializeToString()), *_scalars(2)])
    curves = EventFolder(tmp_path).read()
    assert [(place.step, place.length) for place in curves.others["image"].places] == [(4, event.ByteSize())]
    assert points(curves) == [(1, 1.0), (2, 1.0)]
    assert curves.damage == ()


def test_of_very_many_other_records_some_are_told(tmp_path: Path) -> None:
    value = Summary.Value(tag="histogram", histo=HistogramProto(min=0, max=1))
    records = [
        frame(Event(step=step, summary=Summary(value=[value])).SerializeToString()) for step in range(MAX_PLACES + 50)
    ]
    write(tmp_path, "1", records)
    places = EventFolder(tmp_path).read().others["histogram"].places
    assert MAX_PLACES // 2 <= len(places) <= MAX_PLACES
    assert (places[0].step, places[-1].step) == (0, MAX_PLACES + 49)


def test_reading_takes_no_more_memory_than_three_times_the_file_and_some(tmp_path: Path) -> None:
    records = [scalar(step, 1.0, tag) for step in range(8_000) for tag in ("a", "b", "c")]
    size = write(tmp_path, "1", [version(), *records]).stat().st_size
    tracemalloc.start()
    try:
        curves = EventFolder(tmp_path).read()
        assert tracemalloc.get_traced_memory()[1] < 3 * size + 8 * 1024**2
    finally:
        tracemalloc.stop()
    assert {tag: len(series) for tag, series in curves.series.items()} == {"a": 8_000, "b": 8_000, "c": 8_000}


def test_a_verification_with_nothing_to_verify_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(1, 2, 3)])
    folder = EventFolder(tmp_path)
    curves = folder.read()
    assert folder.num_unverified_bytes == 0
    assert folder.verify() is curves


def test_a_flipped_value_in_a_large_file_is_withdrawn_when_verified(tmp_path: Path) -> None:
    records = [scalar(step, 1.0, tag) for step in range(2_000) for tag in ("a", "b")]
    whole = bytearray(b"".join([version(), *records]))
    at = len(version()) + sum(map(len, records[:1_001])) - 5  # the last byte of the value of a at step 500
    whole[at] ^= 1
    path = write(tmp_path, "1", [bytes(whole)])
    folder = EventFolder(tmp_path)
    assert folder.read().damage == ()
    unverified = folder.num_unverified_bytes
    assert folder.verify(max_bytes=1_000).damage == ()
    assert unverified - 30_000 < folder.num_unverified_bytes < unverified
    verified = folder.verify()
    assert 500 not in verified.series["a"].steps
    assert len(verified.series["a"]) + len(verified.series["b"]) == 3_999
    assert [(one.file, one.last_byte - one.first_byte + 1) for one in verified.damage] == [
        (path.name, len(records[1_000]))
    ]
    append(path, scalar(2_000, 1.0, "a"))
    assert len(folder.read().series["a"]) == 2_000


def test_a_tag_whose_points_are_all_void_keeps_them_as_ghosts(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *_scalars(5, 6, 7), restart(3), *_scalars(3, tag="other")])
    folder = EventFolder(tmp_path)
    curves = folder.read()
    assert list(curves.series) == ["other"]
    assert _ghosts(curves) == [[(5, 1.0), (6, 1.0), (7, 1.0)]]
    assert folder.read() is curves
