"""Reading many records at once says the same as reading them one by one, and as TensorBoard."""

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curves import Curves, Damage
from backend.event_files import reader as reader_module
from backend.event_files.folder import EventFolder
from backend.event_files.runs import Runs, period
from tests.fakes.event_bytes import as_told_by_tensorboard, as_we_tell, restart, scalar, version
from tests.fakes.event_programs import Phase, odd_records, phases, records_of

logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells of each marker


@contextmanager
def _settings(tail_bytes: int = 100, *, has_runs: bool = True) -> Iterator[None]:
    """Few bytes are checked at once, so that small files are read as large ones are; perhaps without runs."""
    with (
        mock.patch.object(reader_module, "_TAIL_BYTES", tail_bytes),
        mock.patch.object(reader_module, "_PIECE_BYTES", 400),
    ):
        if has_runs:
            yield
        else:
            with mock.patch.object(Runs, "read", lambda _self, _data, at, *_args, **_kwargs: (at, 0)):
                yield


def _read(folder: Path, *, has_runs: bool = True) -> Curves:
    with _settings(has_runs=has_runs):
        return EventFolder(folder).read()


def _told(curves: Curves) -> str:
    """Everything but the version, as text: NaNs equal one another then."""
    ghosts = sorted((tag, [one.steps.tolist() for one in some]) for tag, some in curves.ghosts.items())
    others = sorted(curves.others.items())
    repeats = sorted(curves.num_repeats.items())
    return repr((sorted(as_we_tell(curves).items()), ghosts, others, repeats, curves.restarts, curves.damage))


def _file(folder: str, data: bytes, name: str = "1") -> Path:
    path = Path(folder) / f"events.out.tfevents.{name}"
    path.write_bytes(data)
    return path


def _written(parts: list[tuple[Phase, list[bytes]]]) -> bytes:
    return version() + b"".join(b"".join([*records_of(phase, seed), *odd]) for seed, (phase, odd) in enumerate(parts))


@given(st.lists(st.tuples(phases(), odd_records), min_size=1, max_size=4))
def test_runs_say_what_single_records_say(parts: list[tuple[Phase, list[bytes]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _file(folder, _written(parts))
        assert _told(_read(Path(folder))) == _told(_read(Path(folder), has_runs=False))


@given(st.lists(st.tuples(phases(kinds=2), odd_records), min_size=1, max_size=3))
def test_every_point_is_in_the_curve_a_ghost_or_a_repeat(parts: list[tuple[Phase, list[bytes]]]) -> None:
    num_written = Counter(
        tag for phase, _ in parts for values in phase.records for _, tag in values for _ in range(phase.num_steps)
    )
    with tempfile.TemporaryDirectory() as folder:
        _file(folder, _written(parts))
        curves = _read(Path(folder))
    num_told = Counter({tag: len(series) for tag, series in curves.series.items()})
    num_told.update({tag: sum(map(len, ghosts)) for tag, ghosts in curves.ghosts.items()})
    num_told.update(curves.num_repeats)
    assert num_told == num_written
    for ghosts in curves.ghosts.values():
        assert all((np.diff(ghost.steps) > 0).all() for ghost in ghosts)


@given(st.lists(phases(kinds=2), min_size=1, max_size=4))
def test_valid_files_are_read_as_tensorboard_reads_them(some: list[Phase]) -> None:
    """With a marker before each phase, as TensorBoard needs it, and each tag once per step."""
    written = [version()]
    for seed, phase in enumerate(some):
        once: dict[str, tuple[int, str]] = {tag: (0, tag) for values in phase.records for _, tag in values}
        plain = Phase(
            tuple((value,) for value in once.values()),
            abs(phase.first_step),
            phase.num_steps,
            phase.stride,
            phase.value,
        )
        written += [restart(plain.first_step), *records_of(plain, seed)]
    with tempfile.TemporaryDirectory() as folder:
        _file(folder, b"".join(written))
        told = as_told_by_tensorboard(Path(folder))
        assert as_we_tell(_read(Path(folder))) == {tag: points for tag, points in told.items() if points}


@given(
    st.lists(st.tuples(phases(), odd_records), min_size=1, max_size=3),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=3),
)
def test_damage_is_told_as_if_each_record_had_been_checked(
    parts: list[tuple[Phase, list[bytes]]], flips: list[tuple[float, int]]
) -> None:
    broken = bytearray(_written(parts))
    for place, bit in flips:
        broken[int(place * len(broken))] ^= 1 << bit
    with tempfile.TemporaryDirectory() as name:
        _file(name, bytes(broken))
        with _settings():
            folder = EventFolder(Path(name))
            folder.read()
            verified = folder.verify()
        assert _told(verified) == _told(_read(Path(name), has_runs=False))


@given(st.lists(st.tuples(phases(), odd_records), min_size=1, max_size=3), st.data())
def test_a_file_that_grows_in_pieces_is_read_as_if_at_once(
    parts: list[tuple[Phase, list[bytes]]], data: st.DataObject
) -> None:
    whole = _written(parts)
    ends = data.draw(st.lists(st.integers(0, len(whole)), max_size=6))
    with tempfile.TemporaryDirectory() as folder, _settings():
        path = _file(folder, b"")
        growing = EventFolder(Path(folder))
        for end in [*sorted(ends), len(whole)]:
            with path.open("ab") as file:
                file.write(whole[file.tell() : end])
            grown = growing.read()
        at_once = EventFolder(Path(folder)).read()
    assert as_we_tell(grown) == as_we_tell(at_once)
    assert grown.num_repeats == at_once.num_repeats
    assert grown.restarts == at_once.restarts
    assert _points(grown) == _points(at_once)
    assert (dict(grown.others), grown.damage) == (dict(at_once.others), at_once.damage)


def _points(curves: Curves) -> dict[str, list[tuple[int, float]]]:
    """Of the ghosts of each tag, sorted: how they are cut into pieces depends on when one looks."""
    return {
        tag: sorted(point for one in some for point in zip(one.steps.tolist(), one.wall_times.tolist(), strict=True))
        for tag, some in curves.ghosts.items()
    }


def test_one_flipped_byte_anywhere_costs_one_record_at_the_latest_when_verified(tmp_path: Path) -> None:
    records = [version(), *(scalar(step, step / 2, tag) for step in range(1, 12) for tag in ("a", "bc"))]
    whole = b"".join(records)
    ends = np.cumsum([len(record) for record in records]).tolist()
    path = tmp_path / "events.out.tfevents.1"
    with _settings(tail_bytes=60):
        for at in range(len(whole)):
            broken = bytearray(whole)
            broken[at] ^= 0x01
            path.write_bytes(broken)
            folder = EventFolder(tmp_path)
            folder.read()
            curves = folder.verify()
            hit = next(index for index, end in enumerate(ends) if at < end)
            first = ends[hit] - len(records[hit])
            assert curves.damage == (Damage(path.name, first, ends[hit] - 1),), at
            assert sum(map(len, curves.series.values())) == 22 - (hit > 0), at
            assert curves.ghosts == {}, at
            assert folder.verify() is curves is folder.read(), at
            assert folder.num_unverified_bytes == 0


@given(st.lists(st.integers(0, 2), max_size=40))
def test_a_period_is_the_shortest_that_repeats(kinds: list[int]) -> None:
    candidates = [
        length
        for length in range(1, len(kinds) // 2 + 1)
        if all(kinds[index] == kinds[index + length] for index in range(len(kinds) - length))
    ]
    assert period(kinds) == min(candidates, default=0)
