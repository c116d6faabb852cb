"""The benchmark of memory forecasts trains for real, and its forks begin as a cold start does."""

import os
from pathlib import Path

import pytest

from backend.executors.own_memory import c_library
from scripts.benchmarks.memory import material
from scripts.benchmarks.memory.grid import Combination
from scripts.benchmarks.memory.material import Family
from scripts.benchmarks.memory.nursery import Nursery
from scripts.benchmarks.memory.residence import bring_in, file_ranges
from scripts.benchmarks.memory.trial import TrialFailed, measure, predict

pytestmark = [pytest.mark.training, pytest.mark.process]
SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


def test_a_run_is_trained_and_forecast_and_one_that_cannot_be_trained_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(material.FAMILIES, "tiny", Family("llama", 300, SMALL))
    one = Combination("tiny", rows=2, tokens=24)
    with Nursery({"PEFT_STUDIO_THREADS": "1"}, with_bitsandbytes=False) as nursery:
        record = measure(nursery, one, tmp_path, tmp_path / "run")
        trace, _ = predict(nursery, one, tmp_path, tmp_path)
        with pytest.raises(TrialFailed, match="exit code"):
            measure(
                nursery,
                Combination("tiny", "lora", rows=2, tokens=24, method_options={"targets": ["nowhere"]}),
                tmp_path,
                tmp_path / "bad",
            )
    assert record.is_whole
    assert record.c_library == c_library()
    assert (record.rows, record.tokens, record.steps) == (2, 46, 3)
    assert (trace.rows, trace.tokens) == (2, 48)
    assert 0 < trace.peak_bytes < record.measured_bytes


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="only Linux tells its pages")
def test_a_fork_brings_in_the_pages_of_files_that_its_parent_has() -> None:
    ranges = file_ranges()
    assert sum(length for _, length in ranges) > 1_000_000
    child = os.fork()
    if child == 0:
        os._exit(int(bring_in(ranges) > len(ranges) // 10))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
