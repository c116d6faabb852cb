"""A real attempt leaves a record of the memory that it took."""

from typing import Any

import pytest

from backend.domain.exit_record import ExitRecord
from backend.domain.memory_record import MemoryRecord
from tests.training.runs import MakeRun, finish, read, spawn

pytestmark = [pytest.mark.training, pytest.mark.process]


@pytest.mark.parametrize("dataset", [{}, {"dataset": "no-such-file.jsonl"}], ids=["good", "bad"])
def test_an_attempt_that_trains_leaves_a_record_and_one_that_never_loads_leaves_none(
    make_run: MakeRun, dataset: dict[str, Any]
) -> None:
    run = make_run(training={"max_steps": 3, "batch_size": 2}, **dataset)
    assert finish(spawn(run)) == (65 if dataset else 0), read(run.log(1))
    found = MemoryRecord.from_json(read(run.memory(1)))
    if dataset:
        assert found is None
        assert ExitRecord.from_json(read(run.exit_record(1))) is not None
        return
    assert found is not None
    assert found.is_whole
    assert set(found.phases) == {"loading", "step", "evaluating", "saving"}
    assert found.peak_bytes == max(found.phases.values())
    assert 0 < found.imports_bytes <= found.baseline_bytes < found.peak_bytes
    assert (found.steps, found.attempt, found.model_type, found.precision) == (3, 1, "llama", "float32")
    assert found.rows == 2
    assert 20 < found.tokens < 300
    assert 0 < found.trained_parameters < found.parameters
    assert {"torch", "transformers", "peft"} <= set(found.versions)
