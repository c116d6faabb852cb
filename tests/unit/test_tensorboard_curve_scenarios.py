"""What TensorBoard, its data server and tensorboardX test about curves, asked of our reader.

Where its readers differ among themselves, the docstring says whom we follow.
"""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog, SourceMetadata, TaggedRunMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from backend.event_files.folder import EventFolder
from tests.fakes.event_bytes import (
    as_told_by_tensorboard,
    as_we_tell,
    frame,
    points,
    restart,
    scalar,
    version,
    write,
)


def scalars(tag: str, *steps: int, value: float = 20.0) -> list[bytes]:
    return [scalar(step, value, tag) for step in steps]


def steps(folder: Path, tag: str) -> list[int]:
    return [step for step, _ in points(EventFolder(folder).read(), tag)]


def test_each_tag_is_a_series_of_its_own(tmp_path: Path) -> None:
    """event_accumulator_test: testScalars, testTags, testEmptyAccumulator, testKeyError."""
    write(tmp_path, "1", [scalar(10, 32.0, "s1", wall_time=1.0), scalar(12, 64.0, "s2", wall_time=2.0)])
    assert as_we_tell(EventFolder(tmp_path).read()) == {"s1": [(10, 32.0, 1.0)], "s2": [(12, 64.0, 2.0)]}


def test_events_without_values_end_nothing(tmp_path: Path) -> None:
    """event_accumulator_test: testNonValueEvents, testOnlySummaryEventsTriggerDiscards."""
    others = [
        Event(wall_time=2.0, step=20, file_version="nots2"),
        Event(wall_time=3.0, step=0, file_version="brain.Event:1"),
        Event(wall_time=3.0, step=0, graph_def=b"a graph"),
        Event(wall_time=3.0, step=0, meta_graph_def=b"another"),
        Event(wall_time=3.0, step=0, tagged_run_metadata=TaggedRunMetadata(tag="step0", run_metadata=b"some")),
        Event(wall_time=3.0, step=0, source_metadata=SourceMetadata(writer="custom_writer")),
        Event(wall_time=3.0, step=0, session_log=SessionLog(status=SessionLog.STOP)),
        Event(wall_time=3.0, step=0, session_log=SessionLog(status=SessionLog.CHECKPOINT, checkpoint_path="x")),
    ]
    rest = [frame(one.SerializeToString()) for one in others]
    write(tmp_path, "1", [*scalars("s1", 10), *rest, *scalars("s3", 100)])
    curves = EventFolder(tmp_path).read()
    assert (steps(tmp_path, "s1"), steps(tmp_path, "s3")) == ([10], [100])
    assert (set(curves.series), curves.damage) == ({"s1", "s3"}, ())


@pytest.mark.parametrize("file_version", ["brain.Event:1", "brain.Event:2", ""])
def test_a_tag_whose_steps_go_back_drops_what_the_new_step_replaces(tmp_path: Path, file_version: str) -> None:
    """event_accumulator_test: the two ...AfterRestartForFileVersionLessThan2; the data server does so for all versions.

    testOrphanedDataNotDiscardedIfFlagUnset: what was dropped stays available, as a ghost.
    """
    first = frame(Event(file_version=file_version).SerializeToString())
    write(tmp_path, "1", [first, *scalars("s1", 100, 200, 300, 101, 201, 301), *scalars("s2", 101, 201, 301)])
    curves = EventFolder(tmp_path).read()
    assert steps(tmp_path, "s1") == [100, 101, 201, 301]
    assert steps(tmp_path, "s2") == [101, 201, 301]
    assert [ghost.steps.tolist() for ghost in curves.ghosts["s1"]] == [[200, 300]]
    assert "s2" not in curves.ghosts


def test_the_same_when_the_step_goes_back_between_two_readings(tmp_path: Path) -> None:
    """event_accumulator_test: ...ForFileVersionLessThan2 reloads in between."""
    path = write(tmp_path, "1", scalars("s1", 100, 200, 300))
    folder = EventFolder(tmp_path)
    assert [step for step, _ in points(folder.read(), "s1")] == [100, 200, 300]
    path.write_bytes(path.read_bytes() + b"".join(scalars("s1", 101, 201, 301)))
    assert [step for step, _ in points(folder.read(), "s1")] == [100, 101, 201, 301]


def test_a_restart_marker_drops_later_steps_of_all_tags(tmp_path: Path) -> None:
    """event_accumulator_test: testSessionLogStartMessageDiscardsExpiredEvents."""
    write(tmp_path, "1", [version(), *scalars("s1", 100, 200, 300, 400), *scalars("s2", 202, 203), restart(201)])
    curves = EventFolder(tmp_path).read()
    assert (steps(tmp_path, "s1"), steps(tmp_path, "s2")) == ([100, 200], [])
    assert curves.restarts == (201,)
    assert [ghost.steps.tolist() for ghost in curves.ghosts["s2"]] == [[202, 203]]


def test_a_marker_in_a_second_file_counts_for_the_first(tmp_path: Path) -> None:
    """event_accumulator with two files; plugin_event_accumulator ignores the first marker of a run, we do not."""
    write(tmp_path, "1", [version(), *scalars("s", *range(10))])
    write(tmp_path, "2", [version(), restart(6), *scalars("s", *range(6, 12), value=200.0)])
    assert as_we_tell(EventFolder(tmp_path).read()) == as_told_by_tensorboard(tmp_path)
    assert points(EventFolder(tmp_path).read(), "s") == [(step, 20.0 if step < 6 else 200.0) for step in range(12)]


def test_a_second_file_without_a_marker_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    """run.rs: test, with its points and wall times."""
    first = [(0, 0.25, 1235.0), (1, 0.5, 1236.0), (2, 0.75, 1237.0), (3, 1.0, 1238.0)]
    second = [(2, 0.5625, 2346.0), (3, 0.875, 2347.0), (4, 0.9375, 2348.0)]
    for name, some in (("123", first), ("456", second)):
        write(tmp_path, name, [version(), *(scalar(step, value, "accuracy", time) for step, value, time in some)])
    assert as_we_tell(EventFolder(tmp_path).read())["accuracy"] == [*first[:2], *second]


def test_points_all_at_one_step_leave_the_last_and_are_counted(tmp_path: Path) -> None:
    """reservoir.rs keeps only the last of equal steps, EventAccumulator all of them: we keep the last, and count."""
    write(tmp_path, "1", [scalar(0, float(number), "s") for number in range(5)])
    curves = EventFolder(tmp_path).read()
    assert points(curves, "s") == [(0, 4.0)]
    assert curves.num_repeats["s"] == 4


def test_going_back_to_the_first_step_begins_again(tmp_path: Path) -> None:
    """reservoir.rs: test_preempt_to_start."""
    write(tmp_path, "1", [*scalars("s", *range(1_000)), *scalars("s", *range(8), value=1.0)])
    assert points(EventFolder(tmp_path).read(), "s") == [(step, 1.0) for step in range(8)]


def test_after_each_step_back_the_last_point_is_the_newest(tmp_path: Path) -> None:
    """reservoir.rs: test_sampling_preemption; nothing is sampled here, so every point below the step stays."""
    squares = [number * number for number in range(1, 17)]
    write(tmp_path, "1", scalars("s", *squares, 70, 71))
    assert steps(tmp_path, "s") == [*(square for square in squares if square < 70), 70, 71]


def test_every_point_is_kept(tmp_path: Path) -> None:
    """reservoir_test, reservoir.rs, downsample.rs, data_provider_test (downsampling): there is no limit to pass over."""
    write(tmp_path, "1", scalars("s", *range(3_000)))
    assert steps(tmp_path, "s") == list(range(3_000))


def test_what_is_written_while_we_read_is_read_next_time(tmp_path: Path) -> None:
    """event_accumulator_test: testScalarsRealistically, by TensorBoard's own writer."""
    writer = EventFileWriter(str(tmp_path))
    folder = EventFolder(tmp_path)
    writer.add_event(Event(graph_def=b"graph"))
    for some in (range(30), range(30, 40)):
        for number in some:
            for tag, value in (("id", number), ("sq", number * number)):
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                writer.add_event(Event(wall_time=float(number), step=number * 5, summary=summary))
        writer.flush()
        curves = folder.read()
        assert points(curves, "id") == [(number * 5, number) for number in range(some.stop)]
        assert points(curves, "sq") == [(number * 5, number * number) for number in range(some.stop)]
    writer.close()


def test_several_values_of_one_step_in_one_event_are_several_points(tmp_path: Path) -> None:
    """event_accumulator_test: testTFSummaryScalar (a merged summary)."""
    records = []
    for step in range(10):
        values = [Summary.Value(tag="scalar1", simple_value=step), Summary.Value(tag="scalar2", simple_value=step**2)]
        records.append(frame(Event(step=step, summary=Summary(value=values)).SerializeToString()))
    write(tmp_path, "1", records)
    told = as_told_by_tensorboard(tmp_path)
    assert as_we_tell(EventFolder(tmp_path).read()) == told
    assert told["scalar2"][9] == (9, 81.0, 0.0)


def test_wall_times_that_are_no_numbers_are_told_as_they_are(tmp_path: Path) -> None:
    """event_file.rs: test and types.rs: test_wall_time, where such an event is dropped; we keep the value."""
    write(tmp_path, "1", [scalar(1, 1.0, wall_time=1.0), scalar(2, 2.0, wall_time=float("nan"))])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(1, 1.0), (2, 2.0)]
    assert curves.series["train/loss"].wall_times[1] != curves.series["train/loss"].wall_times[1]


def test_files_of_one_process_at_a_time_by_torch_are_one_curve(tmp_path: Path) -> None:
    """event_file_writer_test: the roundtrips, and that closing flushes; writer.rs: the roundtrips."""
    from torch.utils.tensorboard import SummaryWriter

    for attempt, suffix in enumerate((".a", ".b")):
        with SummaryWriter(str(tmp_path), filename_suffix=suffix) as writer:
            for step in range(attempt * 5, attempt * 5 + 5):
                writer.add_scalar("loss", step / 4, step)
    assert points(EventFolder(tmp_path).read(), "loss") == [(step, step / 4) for step in range(10)]


def _write(path: Path, lock: "multiprocessing.synchronize.Lock", number: int) -> None:
    for step in range(50):
        record = scalar(step, float(number), tag=f"process/{number}")
        with lock, path.open("ab") as file:
            file.write(record)


def test_processes_that_write_one_file_in_turns_lose_nothing(tmp_path: Path) -> None:
    """tensorboardX: test_multiprocess_write."""
    path = write(tmp_path, "1", [version()])
    context = multiprocessing.get_context("spawn")
    lock = context.Lock()
    writers = [context.Process(target=_write, args=(path, lock, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    folder = EventFolder(tmp_path)
    while any(writer.is_alive() for writer in writers):
        folder.read()
        writers[0].join(0.01)
    curves = folder.read()
    assert curves.damage == ()
    for number in range(2):
        assert points(curves, f"process/{number}") == [(step, float(number)) for step in range(50)]


def test_tags_and_folders_with_any_characters_are_told_as_they_are(tmp_path: Path) -> None:
    """types.rs, blob_key.rs and data_provider_test use names as keys; ours are the writer's, whatever they hold."""
    tags = ["a b", "ü/é", "<b>&", "..", "a//b", "x" * 200, "\n", ""]
    write(tmp_path, "1", [record for tag in tags for record in scalars(tag, 1)])
    assert set(EventFolder(tmp_path).read().series) == set(tags)


def test_runs_in_nested_folders_are_read_apart(tmp_path: Path) -> None:
    """logdir.rs: test_basic; event_multiplexer_test: testAddRunsFromDirectory and its siblings."""
    values: dict[str, Callable[[int], float]] = {"train": float, "test": lambda step: -float(step)}
    for name, value in values.items():
        write(tmp_path / name, "1", [scalar(step, value(step), "accuracy") for step in (4, 5)])
    write(tmp_path, "1", scalars("accuracy", 0, 1))
    curves = EventFolder(tmp_path).read()
    assert points(curves, "accuracy") == [(0, 20.0), (1, 20.0)]
    assert points(curves, "train/accuracy") == [(4, 4.0), (5, 5.0)]
    assert points(curves, "test/accuracy") == [(4, -4.0), (5, -5.0)]
