"""A split is a partition, the same for the same seed, without leaks; equal bytes have equal fingerprints."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data.choice import DatasetPart
from backend.services.dataset_errors import DatasetNotMade
from backend.services.dataset_library import DatasetLibrary
from backend.services.dataset_making import DatasetMaker
from backend.services.dataset_tables import DatasetTables
from tests.fakes.clock import FakeClock

WORDS = st.sampled_from(["a", "A", "b", " b", "c d", "C  D", "e", "f", "g"])
ROWS = st.lists(st.builds(lambda ask, say: {"prompt": ask, "completion": say}, WORDS, WORDS), min_size=1, max_size=30)


def written(path: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def words(row: dict[str, str]) -> str:
    return " ".join(f"{row['prompt']} {row['completion']}".casefold().split())


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, fraction=st.floats(0.01, 0.5), seed=st.integers(0, 99))
def test_a_split_is_a_partition_without_leaks_and_the_same_each_time(
    rows: list[dict[str, str]], fraction: float, seed: int, tmp_path_factory: object
) -> None:
    folder = tmp_path_factory.mktemp("split", numbered=True)  # type: ignore[attr-defined]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    part, tables = DatasetPart(path=str(path)), DatasetTables(folder / "cache")
    tables.read(part)
    made = []
    for name in ("first", "second"):
        maker = DatasetMaker(tables, DatasetLibrary(folder / name, 1_000_000), FakeClock())
        try:
            made.append(maker.split(part, fraction, seed))
        except DatasetNotMade:
            assert len({words(row) for row in rows}) == 1
            return
    train, held = (written(one.dataset.path) for one in made[0])
    assert sorted([*train, *held], key=json.dumps) == sorted(rows, key=json.dumps)
    assert train
    assert held
    assert not {words(row) for row in train} & {words(row) for row in held}
    for one, again in zip(*made, strict=True):
        assert Path(one.dataset.path).read_bytes() == Path(again.dataset.path).read_bytes()


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, others=ROWS)
def test_fingerprints_are_equal_exactly_for_equal_bytes(
    rows: list[dict[str, str]], others: list[dict[str, str]], tmp_path_factory: object
) -> None:
    folder = tmp_path_factory.mktemp("prints", numbered=True)  # type: ignore[attr-defined]
    tables = DatasetTables(folder / "cache")
    prints = []
    for name, content in (("a", rows), ("b", rows), ("c", others)):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
        prints.append(tables.read(DatasetPart(path=str(path))).facts.fingerprint)
    assert prints[0] == prints[1]
    assert (prints[0] == prints[2]) == (rows == others)
