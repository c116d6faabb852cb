"""The benchmark of memory forecasts: an honest judge, a grid that is real orders, and results that are kept."""

import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.heap import HEAP
from backend.domain.memory_forecast import MemoryPart, MemoryTrace
from backend.domain.memory_record import MemoryRecord
from backend.domain.run_config import RunConfig
from backend.executors.own_memory import c_library
from config.yaml_files import read_yaml
from scripts.benchmarks.memory import report, shipping, trial
from scripts.benchmarks.memory.__main__ import main
from scripts.benchmarks.memory.c_library import started, told_by
from scripts.benchmarks.memory.grid import GRID, Combination
from scripts.benchmarks.memory.judging import Judged, blank, calibrated, family_left_out, halves, raw
from scripts.benchmarks.memory.keeping import Found, Shelf, stamp_of
from scripts.benchmarks.memory.material import FAMILIES
from scripts.benchmarks.memory.peers import accelerate_bytes, llama_factory_bytes

MB = 1_000_000


def found(
    rows: int,
    measured: int,
    *,
    family: str = "llama",
    steady: int = 140,
    glibc: str = "2.41",
    heap: str = "",
    allocator: str = "heap",
) -> Found:
    """As if it had been trained: sizes in MB."""
    parts = {MemoryPart.WEIGHTS: steady * MB, MemoryPart.ACTIVATIONS: rows * 50 * MB}
    trace = MemoryTrace(
        parts=parts,
        peak_bytes=sum(parts.values()),
        steady_bytes=steady * MB,
        phase="step",
        rows=rows,
        tokens=rows * 192,
        is_scaled=False,
        num_operations=1,
        seconds=1.0,
    )
    record = MemoryRecord(
        device="cpu",
        how="high-water mark",
        imports_bytes=1,
        baseline_bytes=500 * MB,
        peak_bytes=(500 + measured) * MB,
        phases={"step": (500 + measured) * MB},
        rows=rows,
        tokens=rows * 192,
        steps=3,
        model_type=family,
        versions={"glibc": glibc},
        heap=heap,
    )
    return Found(Combination(family, rows=rows, allocator=allocator), [record], trace, "stamp", 2.0)


def several() -> list[Found]:
    """Runs that all take 40 MB more than their tensors."""
    return [found(rows, 180 + 50 * rows, family=family) for family in ("llama", "gpt2") for rows in range(1, 7)]


def test_the_grid_has_sixty_different_runs_of_many_kinds() -> None:
    assert len({one.key for one in GRID}) == len(GRID) >= 60
    assert {one.family for one in GRID} <= set(FAMILIES)
    assert {one.quantization for one in GRID} >= {"none", "nf4", "int8"}
    assert {one.recipe for one in GRID} >= {"sft", "dpo", "orpo", "kto", "reward", "pretrain"}
    assert len({one.method for one in GRID}) >= 12


def test_every_order_of_the_grid_is_one_that_the_studio_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trial, "make_model", lambda folder, name: folder / name)
    monkeypatch.setattr(trial, "make_rows", lambda file, **_: file)
    for one in GRID:
        order = RunConfig.model_validate(trial.order(one, tmp_path))
        assert (order.method.name, order.recipe.name, order.training.max_length) == (one.method, one.recipe, one.tokens)


def test_runs_in_heaps_of_two_kinds_are_never_mixed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "_estimates", lambda *_: {"float32": {"total": 100e6, "training": 400e6}})
    monkeypatch.setattr(report, "_parameters", lambda *_: 25_000_000)
    old = [found(rows, 180 + 70 * rows, glibc="2.36") for rows in range(1, 5)]
    mapped = [found(rows, 180 + 51 * rows, allocator="mapped", glibc="2.36") for rows in range(1, 4)]
    joined = found(5, 180 + 50 * 5, glibc="2.36", heap=HEAP)
    text = report.page([*several(), *old, *mapped, joined], tmp_path)
    titles = [line for line in text.splitlines() if line.startswith("### ")]
    assert titles == [f"### {title}" for title in report.TITLES.values()]
    assert [line for line in text.splitlines() if line.endswith(" runs.")] == ["3 runs.", "13 runs.", "4 runs."]

    file = tmp_path / "lines.yaml"
    monkeypatch.setattr(shipping, "FILE", file)
    monkeypatch.setattr(shipping, "memory_lines", lambda: {"cpu mapped": {"moving": 1.0}, "cpu heap": {"moving": 9.0}})
    shipping.write_lines([*several(), *old])
    written = read_yaml(file)
    assert list(written) == ["cpu heap", "cpu mapped", "cpu old heap"]
    assert written["cpu mapped"] == {"moving": 1.0}, "what was not measured now stays"
    assert written["cpu heap"]["source"].startswith("12 runs")
    assert written["cpu old heap"]["moving"] > 1.2 > written["cpu heap"]["moving"]


def test_another_c_library_is_started_by_its_own_loader(tmp_path: Path) -> None:
    assert started(None) == [sys.executable]
    with pytest.raises(FileNotFoundError, match="unpack a package of a C library there"):
        started(tmp_path)
    loader = tmp_path / "usr" / "lib" / "ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.touch()
    words = started(tmp_path)
    assert words[:2] == [str(loader), "--library-path"]
    assert words[2].startswith(f"{loader.parent}:")
    assert words[3:5] == ["--argv0", sys.executable]
    assert Shelf(tmp_path, "glibc 2.41").folder != Shelf(tmp_path).folder


def test_a_folder_without_a_c_library_is_told_and_nothing_is_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--nice", "0", "--c-library", str(tmp_path), "--output", str(tmp_path / "results")]) == 2
    assert "unpack a package of a C library there" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_the_system_s_own_c_library_says_the_same_through_its_loader() -> None:
    folder = Path("/lib") / (sysconfig.get_config_var("MULTIARCH") or "")
    if not any(folder.glob("ld-linux*.so.*")):
        pytest.skip("this system keeps its C library elsewhere")
    assert told_by(folder) == c_library()


def test_percentiles_and_extremes_are_of_the_errors() -> None:
    judged = Judged("x", tuple([0.01] * 18 + [-0.04, 0.09]))
    assert judged.median == 0.01
    assert (judged.p95, judged.lowest, judged.highest) == (0.04, -0.04, 0.09)
    assert Judged("x", (0.02, 0.01)).lowest == 0.0


def test_a_run_takes_no_part_in_its_own_forecast() -> None:
    runs = several()
    before = calibrated(runs)
    assert before.median < 0.02
    lied = [replace(runs[0], records=[replace_peak(runs[0], 900)]), *runs[1:]]
    # the forecast of the first is the same though it says now that it took much more
    as_bytes = runs[0].measured_bytes * (1 + before.errors[0])
    assert lied[0].measured_bytes * (1 + calibrated(lied).errors[0]) == pytest.approx(as_bytes, rel=1e-9)


def replace_peak(one: Found, megabytes: int) -> MemoryRecord:
    return one.records[0].model_copy(update={"peak_bytes": megabytes * MB})


def test_every_way_to_judge_has_an_error_for_each_run_and_the_trace_alone_is_too_low() -> None:
    runs = several()
    for judged in (calibrated(runs), halves(runs), family_left_out(runs), raw(runs)):
        assert len(judged.errors) == len(runs)
    assert raw(runs).highest < 0
    assert abs(halves(runs).median - blank(runs[0]).lean) < 0.003, "they all lie on a line, and it says a little more"


def test_results_are_kept_and_damaged_ones_are_measured_again(tmp_path: Path) -> None:
    shelf, one = Shelf(tmp_path), found(2, 280)
    assert shelf.take(one.combination).records == []
    shelf.put(one)
    assert shelf.take(one.combination) == one
    (shelf.folder / f"{one.combination.key}.json").write_text("{")
    assert shelf.take(one.combination).records == []


def test_the_stamp_changes_with_the_forecasting_program(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("1")
    before = stamp_of([file])
    assert stamp_of([file]) == before
    file.write_text("2")
    assert stamp_of([file]) != before


def test_peers_are_asked_for_what_they_say_of_each_kind_of_run() -> None:
    estimates = {name: {"total": 4.0, "training": 16.0} for name in ("float32", "float16", "int8", "int4")}
    assert accelerate_bytes(Combination("llama", "full"), estimates) == 16
    assert accelerate_bytes(Combination("llama"), estimates) == 4
    assert llama_factory_bytes(Combination("llama"), 10) == 40
    assert llama_factory_bytes(Combination("llama", quantization="nf4"), 10) == 5
    assert llama_factory_bytes(Combination("llama", "full", training={"precision": "bfloat16"}), 10) == 80


def test_the_page_says_what_was_asked_and_what_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    estimates = {"float32": {"total": 100e6, "training": 400e6}}
    monkeypatch.setattr(report, "_estimates", lambda *_: estimates)
    monkeypatch.setattr(report, "_parameters", lambda *_: 25_000_000)
    broken = Found(Combination("qwen3"), measure_failed="exit code 1: a | b")
    text = report.page([*several(), broken], tmp_path)
    assert "12 of 13 combinations" in text
    assert "never more than 3 % too low: " in text
    assert "* failed: qwen3 lora sft 4x192: exit code 1: a / b" in text
    assert "accelerate estimate-memory" in text
    assert report.page([], tmp_path) == "Nothing was measured and forecast yet."
