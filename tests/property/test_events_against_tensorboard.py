"""On valid files our curves are TensorBoard's: EventAccumulator's (unlimited), and its data server's where steps go back."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.event_files.folder import EventFolder
from scripts.benchmarks.events.rust_server import RustServer
from tests.fakes.event_bytes import as_told_by_tensorboard, as_we_tell
from tests.fakes.event_logs import KINDS, TAGS, Stretch, others, start, stretches, write_file

Told = Mapping[str, Sequence[tuple[int, float, float]]]


def assert_equal(ours: Told, theirs: Told) -> None:
    """Steps, values and wall times of each tag; a NaN equals a NaN. EventAccumulator also tells tags that it emptied."""
    theirs = {tag: rows for tag, rows in theirs.items() if len(rows)}
    assert set(ours) == set(theirs)
    for tag, rows in theirs.items():
        np.testing.assert_array_equal(np.array(ours[tag]), np.array(rows), err_msg=tag)


@given(st.lists(st.tuples(stretches(is_forward=True), others(), st.booleans()), min_size=1, max_size=3), st.data())
def test_attempts_with_restart_markers_are_what_eventaccumulator_tells(
    attempts: list[tuple[list[Stretch], bytes, bool]], data: st.DataObject
) -> None:
    """Each attempt begins anywhere, with a marker at its first step; in a file of its own, or in the one before."""
    with tempfile.TemporaryDirectory() as name:
        files: list[list[bytes]] = []
        for some, other, has_file in attempts:
            records = [start(some[0].first)] if files else []
            for one in some:
                records += [*one.events(), other]
            if has_file or not files:
                files.append(records)
            else:
                files[-1] += records
        for number, records in enumerate(files):
            write_file(Path(name), number, records)
        assert_equal(as_we_tell(EventFolder(Path(name)).read()), as_told_by_tensorboard(Path(name)))


@given(
    stretches(is_forward=True),
    st.lists(st.sampled_from(("", *KINDS)), min_size=len(TAGS), max_size=len(TAGS)),
    st.lists(others(), max_size=3),
)
def test_tensors_of_any_kind_beside_simple_values_are_what_eventaccumulator_tells(
    some: list[Stretch], chosen: list[str], between: list[bytes]
) -> None:
    """Each tag has its kind of number; a reading in pieces tells the same."""
    kinds = dict(zip(TAGS, chosen, strict=True))
    records = [record for one in some for record in (*one.events(kinds), *between)]
    written = {tag for one in some for tag in one.tags}
    with tempfile.TemporaryDirectory() as name:
        folder = EventFolder(Path(name))
        path = write_file(Path(name), 0, records)
        whole = path.read_bytes()
        for end in (len(whole) // 3, len(whole) // 2, len(whole)):
            path.write_bytes(whole[:end])
            folder.read()
        told = as_told_by_tensorboard(Path(name), [tag for tag in TAGS if kinds[tag] and tag in written])
        assert_equal(as_we_tell(folder.read()), told)
        assert_equal(as_we_tell(EventFolder(Path(name)).read()), told)


def test_steps_that_go_back_without_markers_are_what_the_data_server_tells(tmp_path: Path) -> None:
    """300 runs of one to three files, whose loops begin anywhere; one server reads them all."""
    chance = Random(5)  # noqa: S311 - the same runs each time
    for run in range(300):
        for number in range(chance.randint(1, 3)):
            loops = [_loop(chance) for _ in range(chance.randint(1, 4))]
            write_file(tmp_path / f"run-{run}", number, [record for loop in loops for record in loop.events()])
    server = RustServer(tmp_path)
    try:
        server.wait_loaded()
        theirs = server.read()
    finally:
        server.close()
    assert len(theirs) == 300
    num_dropped = 0
    for run, tags in theirs.items():
        curves = EventFolder(tmp_path / run).read()
        assert_equal(
            as_we_tell(curves), {tag: list(zip(*_plain(columns), strict=True)) for tag, columns in tags.items()}
        )
        num_dropped += sum(len(one) for ghosts in curves.ghosts.values() for one in ghosts)
    assert num_dropped > 300


def _loop(chance: Random) -> Stretch:
    tags = tuple(chance.sample(TAGS, chance.randint(1, 4)))
    return Stretch(
        tags,
        chance.randint(0, 200),
        chance.randint(1, 9),
        chance.randint(1, 25),
        chance.random() < 0.5,
        chance.randint(0, 99),
    )


def _plain(columns: Iterable[np.ndarray]) -> list[list[float]]:
    return [column.tolist() for column in columns]
