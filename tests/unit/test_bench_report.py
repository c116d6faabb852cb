"""The benchmark's tables say what was measured, compare only equal losses, and go where the marks are."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmarks.train import arguments, changed, schedule
from scripts.benchmarks.training.accounting import Clock, read_accounts
from scripts.benchmarks.training.contestants import ALL, LADDER
from scripts.benchmarks.training.material import MARKS, Size
from scripts.benchmarks.training.races import Lap
from scripts.benchmarks.training.report import BEGIN, END, put_between_marks, table, verdicts


def a_lap(contestant: str, *, cpu: float, peak: int, loss: float = 9.5, batches: tuple[str, ...] = ("a", "b")) -> Lap:
    """A lap of 1,000 tokens."""
    return Lap(
        contestant, "uneven", 1000, 2 * cpu, cpu, (cpu,), peak, (loss, loss), batches, "adamw", "cpu", 1, "torch 2"
    )


def test_the_table_has_medians_their_spread_and_ratios_to_the_plain_trainer() -> None:
    laps = [a_lap("hf", cpu=10, peak=2_000_000), a_lap("hf", cpu=12.5, peak=2_000_000)]
    laps += [a_lap("studio", cpu=5, peak=500_000), a_lap("studio", cpu=4, peak=700_000)]
    lines = table(laps, "uneven", {}).splitlines()
    studio = next(line for line in lines if "PEFT Studio" in line)
    assert "| 112 | 225 (200 to 250) | 2.50 | 1 | 0.30 | 9.5000 | 9.5000 | yes |" in studio


def test_the_table_says_when_other_rows_were_trained_on_and_why_somebody_is_missing() -> None:
    laps = [a_lap("hf", cpu=10, peak=10), a_lap("studio", cpu=10, peak=10, batches=("a", "c"))]
    text = table(laps, "uneven", {"llama-factory": "no torchaudio"})
    assert "| no |" in text
    assert "LLaMA-Factory, defaults | not measured: no torchaudio" in text


def test_a_program_that_logs_one_mean_does_not_pass_it_off_as_its_last_loss() -> None:
    once = replace(a_lap("studio-bare", cpu=5, peak=500_000), losses=(9.5,))
    assert "| 9.5000 | not logged |" in table([a_lap("hf", cpu=10, peak=10), once], "uneven", {})


def test_only_peers_with_the_same_loss_count_as_the_fastest() -> None:
    laps = [
        a_lap("hf", cpu=10, peak=1000),
        a_lap("hf-flat", cpu=5, peak=800),
        a_lap("trl", cpu=1, peak=10, loss=9.4),
        a_lap("studio", cpu=2.5, peak=400),
    ]
    to_plain, to_best = verdicts(laps, ("uneven", "even"))
    assert "4.00 times" in to_plain
    assert "0.40 of its step memory" in to_plain
    assert "2.00 times the fastest peer" in to_best
    assert "flattening" in to_best
    assert "0.50 of the memory" in to_best


def test_every_other_round_runs_backwards_and_slow_ones_run_once() -> None:
    asked = arguments(["--only", "hf", "trl", "studio", "--rounds", "2", "--data", "uneven"])
    assert [name for name, _ in schedule(asked)] == ["hf", "trl", "studio", "studio", "hf"]


def test_without_its_environment_llama_factory_takes_no_part() -> None:
    names = {name for name, _ in schedule(arguments([]))}
    assert names == {name for name in ALL if not name.startswith("llama-factory")}


def test_each_rung_of_the_ladder_changes_the_order_of_the_run() -> None:
    changes = [str(rung.changes) for rung in LADDER]
    assert len(set(changes)) == len(changes) >= 3


def test_sizes_are_changed_by_name_and_wrong_words_are_refused() -> None:
    assert changed(Size(), ["hidden=64", "steps=3"]).num_rows == 24
    for word in ("hiden=64", "hidden", "hidden=x"):
        with pytest.raises(SystemExit):
            changed(Size(), [word])


def test_the_tables_replace_what_is_between_the_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    put_between_marks(page, "new")
    put_between_marks(page, "newer")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="no lines"):
        put_between_marks(page, "new")


def test_supervision_is_a_share_of_the_step_without_it() -> None:
    marks = [{"wall": wall} for wall in (0.0, 3.0, 4.0, 5.5, 6.5)]
    clock = {"seconds": {"steps": 0.04, "checkpoints": 1.0}, "calls": {"steps": 8, "checkpoints": 2}}
    accounts = read_accounts(marks, clock)
    assert (accounts.step_seconds, accounts.seconds_per_step, accounts.seconds_per_checkpoint) == (1.0, 0.01, 0.5)
    assert accounts.share == pytest.approx((0.01 + 0.5 / 50) / 0.99)


def test_a_timed_function_inside_another_counts_once() -> None:
    class Work:
        def outer(self) -> int:
            return self.inner()

        def inner(self) -> int:
            return 7

    clock = Clock()
    clock.time("out", Work, "outer")
    clock.time("in", Work, "inner")
    assert Work().outer() == 7
    assert clock.calls == {"out": 1}


def test_the_probe_knows_the_marks_of_the_tokenizer() -> None:
    """It cannot import ours: it lives in other environments too."""
    probe = Path(__file__).resolve().parents[2] / "scripts/benchmarks/training/hook/bench_probe.py"
    assert f"LAST_MARK = {MARKS.index('<eos>')}" in probe.read_text(encoding="utf-8")
