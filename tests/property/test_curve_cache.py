"""Whatever event files hold and whatever happens to the cache: what it tells equals a fresh reading."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.identity import identify
from backend.event_files.kept_folder import KeptFolder
from backend.probes.clock import SystemClock
from tests.fakes.curves import differences
from tests.fakes.event_bytes import append, restart, scalar, tensors, version, write

steps = st.one_of(st.integers(0, 40), st.integers(-(2**63), 2**63 - 1))
scalars = st.builds(scalar, steps, st.floats(width=32), st.sampled_from(["a", "eval/loss", "ä", "x" * 250]))
others = st.builds(lambda step: tensors(step, {"text": _text()}), steps)
junk = st.binary(max_size=40)
records = st.lists(st.one_of(scalars, st.builds(restart, steps), others, junk), max_size=12)
folders = st.dictionaries(
    st.tuples(st.sampled_from(["", "deep"]), st.sampled_from(["1", "2", "3.host"])), records, min_size=1, max_size=4
)


def _text() -> TensorProto:
    return TensorProto(dtype="DT_STRING", string_val=[b"hello"])


class Runs:
    """A folder of generated files and its cache."""

    def __init__(self, root: Path, files: dict[tuple[str, str], list[bytes]]) -> None:
        self.folder = root / "run"
        self.paths = [write(self.folder / group, name, [version(), *some]) for (group, name), some in files.items()]
        self.kept = root / "cache"
        self.num_opened = 0

    def open(self) -> KeptFolder:
        clock = SystemClock()
        return KeptFolder(self.folder, self._open, CurveCache(self.kept, clock), clock, 0.0)

    def _open(self, folder: Path) -> EventFolder:
        self.num_opened += 1
        return EventFolder(folder)

    def differences(self) -> list[str]:
        return differences(EventFolder(self.folder).read(), self.open().read())


@contextmanager
def runs(files: dict[tuple[str, str], list[bytes]]) -> Iterator[Runs]:
    with tempfile.TemporaryDirectory() as root:
        made = Runs(Path(root), files)
        assert made.open().settle()
        yield made


@given(folders)
def test_the_cache_tells_what_a_fresh_reading_tells(files: dict[tuple[str, str], list[bytes]]) -> None:
    with runs(files) as made:
        made.num_opened = 0
        assert made.differences() == []
        assert made.num_opened == 0


@given(folders, st.data())
def test_damage_of_any_byte_of_the_cache_changes_nothing(
    files: dict[tuple[str, str], list[bytes]], data: st.DataObject
) -> None:
    with runs(files) as made:
        (kept,) = made.kept.iterdir()
        whole = kept.read_bytes()
        how = data.draw(st.sampled_from(["flip", "cut", "insert", "zero"]))
        at = data.draw(st.integers(0, len(whole) - 1))
        flipped = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
        damaged = {
            "flip": whole[:at] + flipped + whole[at + 1 :],
            "cut": whole[:at],
            "insert": whole[:at] + flipped + whole[at:],
            "zero": whole[:at] + bytes(len(whole) - at),
        }[how]
        kept.write_bytes(damaged)
        assert made.differences() == []
        assert made.open().settle()
        made.num_opened = 0
        assert made.differences() == []
        assert made.num_opened == 0 or damaged == whole


@given(folders, records, st.integers(0, 3), st.booleans())
def test_files_that_change_later_are_read_as_they_are(
    files: dict[tuple[str, str], list[bytes]], more: list[bytes], number: int, cut: bool
) -> None:
    with runs(files) as made:
        source = made.open()
        source.read()
        path = made.paths[number % len(made.paths)]
        if cut:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        append(path, b"".join(more))
        assert differences(EventFolder(made.folder).read(), source.read()) == []
        assert made.differences() == []


@given(folders, folders)
def test_one_run_in_the_place_of_another_is_not_taken_for_it(
    files: dict[tuple[str, str], list[bytes]], others: dict[tuple[str, str], list[bytes]]
) -> None:
    with runs(files) as made:
        before = identify(made.folder)
        shutil.rmtree(made.folder)
        Runs(made.folder.parent, others)
        assert identify(made.folder) != before
        assert made.differences() == []
