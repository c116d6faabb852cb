"""The benchmark of training runs in a tiny size: real processes, the same rows, the same losses."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.untraced import untraced

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    "hidden=64",
    "layers=1",
    "vocabulary=300",
    "batch=4",
    "steps=2",
    "median_length=16",
    "longest=48",
    "even_length=16",
)

pytestmark = [pytest.mark.training, pytest.mark.process]


def test_the_plain_trainer_and_the_studio_are_measured_on_the_same_rows_with_the_same_losses(tmp_path: Path) -> None:
    words = ["--only", "hf", "studio", "--rounds", "1", "--threads", "1", "--data", "uneven", "--no-overhead"]
    done = subprocess.run(
        [str(ROOT / "scripts" / "bench"), "train", *words, "--output", str(tmp_path), "--set", *TINY],
        env=untraced(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| PEFT Studio, defaults |" in done.stdout
    plain, ours = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["laps"]
    assert [plain["contestant"], ours["contestant"]] == ["hf", "studio"]
    assert plain["batches"] == ours["batches"]
    assert len(plain["batches"]) == 2
    assert plain["tokens"] == ours["tokens"] > 0
    assert ours["losses"] == pytest.approx(plain["losses"], abs=5e-5)
    assert min(plain["cpu_seconds"], ours["cpu_seconds"], plain["wall_seconds"]) > 0
    assert min(plain["peak_bytes"], ours["peak_bytes"]) >= 0


def test_unknown_benchmarks_are_refused() -> None:
    done = subprocess.run([str(ROOT / "scripts" / "bench"), "sing"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "usage" in done.stderr
