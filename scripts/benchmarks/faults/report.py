"""Trials as lines and tables: what was done, how often it went well, how fast it went on, what the person sees."""

from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.faults.trial import Fault, Recovery, Trial, spread

BEGIN, END = "<!-- scripts/bench faults: begin -->", "<!-- scripts/bench faults: end -->"
TITLES = "what was done | passed | next process, s | next step, s | what the person sees"
HEAD = (f"| {TITLES} |", "|---|--:|--:|--:|---|")
_MAX_CHARACTERS = 260


def row(fault: Fault, trials: Sequence[Trial]) -> str:
    """One line of the table; times are median / 95th percentile / worst."""
    reasons = [trial.not_run for trial in trials if trial.not_run]
    if reasons:
        return f"| {fault.deed} | not run: {_cell(reasons[0])} | - | - | - |"
    recoveries = [recovery for trial in trials for recovery in trial.recoveries]
    passed = sum(trial.is_passed for trial in trials)
    sees = next((trial.sees for trial in trials if trial.sees), "")
    process, step = _times(recoveries)
    return f"| {fault.deed} | {passed} of {len(trials)} | {process} | {step} | {_cell(sees)} |"


def _times(recoveries: Sequence[Recovery]) -> tuple[str, str]:
    return (
        spread([one.to_process for one in recoveries if one.to_process is not None]),
        spread([one.to_step for one in recoveries if one.to_step is not None]),
    )


def sums(trials: Sequence[Trial]) -> list[str]:
    """The counts over everything, as sentences of a list."""
    ran = [trial for trial in trials if not trial.not_run]
    killed = [trial for trial in ran if trial.num_compared]
    kills = sum(trial.num_kills for trial in killed)
    finished = sum(trial.num_finished for trial in killed)
    compared, equal = sum(t.num_compared for t in killed), sum(t.num_equal for t in killed)
    lines = [f"* faults: {sum(t.is_passed for t in ran)} of {len(ran)} trials passed"]
    if compared:
        runs = sum(trial.num_runs for trial in killed)
        lines.append(f"* kills in real training: {finished} of {runs} runs finished after {kills} kill -9")
        lines.append(f"* final weights equal to the undisturbed run: {equal} of {compared}")
    lines.append(f"* orphans: {sum(t.num_orphans for t in ran)}, zombies: {sum(t.num_zombies for t in ran)}")
    lines.append(f"* double starts: {sum(t.num_double_starts for t in ran)}")
    return lines


def table(results: Sequence[tuple[Fault, Sequence[Trial]]]) -> str:
    """Every fault, and the sums."""
    rows = [row(fault, trials) for fault, trials in results]
    everything = [trial for _, trials in results for trial in trials]
    return "\n".join([*HEAD, *rows, "", *sums(everything)])


def put_between_marks(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page. Raises ValueError if it has none."""
    old = page.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"{page} has no lines {BEGIN} and {END}")
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")


def _cell(text: str) -> str:
    """Text that breaks no table."""
    plain = " ".join(text.replace("|", "/").split())
    return plain if len(plain) <= _MAX_CHARACTERS else plain[: _MAX_CHARACTERS - 1] + "…"
