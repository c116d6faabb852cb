"""What every CurveSource promises, asked of the scripted one and of the reader of real event files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from backend.domain.curves import CurveSource
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.kept_folder import KeptFolder
from backend.probes.clock import SystemClock
from tests.fakes.curve_source import ScriptedCurveSource
from tests.fakes.event_bytes import append, points, scalar, version, write


@dataclass
class Growing:
    """A source, and a way to add a point to what it reads."""

    source: CurveSource
    add: Callable[[str, int, float], None]


@pytest.fixture(params=["scripted", "event files", "kept", "kept and opened again"])
def growing(request: pytest.FixtureRequest, tmp_path: Path) -> Growing:
    if request.param == "scripted":
        scripted = ScriptedCurveSource(tmp_path)
        return Growing(scripted, scripted.add)
    path = write(tmp_path, "1", [version()])
    source: CurveSource = EventFolder(tmp_path)
    if "kept" in request.param:
        clock = SystemClock()
        cache = CurveCache(tmp_path.parent / f"{tmp_path.name} cache", clock)
        source = KeptFolder(tmp_path, EventFolder, cache, clock, quiet_seconds=0.0)
        if "again" in request.param:
            assert source.settle()
            source = KeptFolder(tmp_path, EventFolder, cache, clock, quiet_seconds=0.0)
    return Growing(source, lambda tag, step, value: append(path, scalar(step, value, tag)))


def test_the_same_object_is_returned_while_nothing_was_added(growing: Growing) -> None:
    growing.add("a", 1, 0.5)
    assert growing.source.read() is growing.source.read()


def test_an_addition_gives_a_new_object_with_a_higher_version(growing: Growing) -> None:
    before = growing.source.read()
    growing.add("a", 1, 0.5)
    after = growing.source.read()
    assert after is not before
    assert after.version > before.version


def test_points_come_out_as_they_were_added(growing: Growing) -> None:
    for step, value in ((1, 0.5), (3, float("inf")), (7, -2.0)):
        growing.add("a", step, value)
    growing.add("b", 2, 1.0)
    curves = growing.source.read()
    assert points(curves, "a") == [(1, 0.5), (3, float("inf")), (7, -2.0)]
    assert points(curves, "b") == [(2, 1.0)]
    assert curves.series["a"].wall_times.tolist() == [1001.0, 1003.0, 1007.0]
    assert curves.damage == ()


def test_a_snapshot_does_not_change_when_points_are_added(growing: Growing) -> None:
    growing.add("a", 1, 0.5)
    snapshot = growing.source.read()
    for step in range(2, 100):
        growing.add("a", step, float(step))
        growing.source.read()
    assert points(snapshot, "a") == [(1, 0.5)]


def test_arrays_cannot_be_written_to_and_have_their_types(growing: Growing) -> None:
    growing.add("a", 1, 0.5)
    series = growing.source.read().series["a"]
    assert (series.steps.dtype, series.values.dtype, series.wall_times.dtype) == (
        np.int64,
        np.float64,
        np.float64,
    )
    for array in (series.steps, series.values, series.wall_times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_series_cannot_be_replaced(growing: Growing) -> None:
    growing.add("a", 1, 0.5)
    curves = growing.source.read()
    with pytest.raises(TypeError):
        curves.series["a"] = curves.series["a"]  # type: ignore[index]
