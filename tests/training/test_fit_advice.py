"""Orders that die under a limit of memory are trained to their end as the fit advisor proposes; ten by the bench."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.benchmarks.fit.cases import CASES
from scripts.benchmarks.fit.trial import try_case
from scripts.benchmarks.memory.grid import Combination
from scripts.benchmarks.memory.nursery import Nursery
from scripts.benchmarks.memory.trial import measure

SMALLEST = Combination("gpt2", rows=1, tokens=16)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery({"PEFT_STUDIO_THREADS": "1"}, with_bitsandbytes=True) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def baseline(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> int:
    """What the imports take here, from a run without a limit."""
    folder = tmp_path_factory.mktemp("smallest")
    return measure(nursery, SMALLEST, folder, folder / "run").baseline_bytes


@pytest.mark.parametrize("name", ["another architecture", pytest.param("all scores", marks=pytest.mark.long)])
def test_what_died_under_a_limit_is_trained_under_it_as_proposed(
    name: str, nursery: Nursery, baseline: int, tmp_path: Path
) -> None:
    case = next(case for case in CASES if case.name == name)
    outcome = try_case(case, nursery, tmp_path, tmp_path, baseline)
    assert outcome.first_died, outcome
    assert outcome.code == 0, outcome
    assert outcome.second_bytes <= outcome.limit_bytes
    assert outcome.low_bytes <= outcome.high_bytes <= outcome.limit_bytes
