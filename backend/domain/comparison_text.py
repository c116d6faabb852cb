"""A comparison in words and in JSON, the same for the dashboard and the command line. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.domain.comparison import ComparedRun, Comparison, MetricComparison, facts, group_names
from backend.domain.config_diff import NotAKnob, Told
from backend.domain.run_results import Point, Result
from backend.domain.seed_groups import GroupResult
from backend.domain.statistics import Summary


def number(value: float) -> str:
    """Four to five digits that count; NaN and infinities in full."""
    if value != value:  # noqa: PLR0124 - what NaN is known by
        return "NaN"
    return f"{value:.5g}" if abs(value) < float("inf") else ("infinite" if value > 0 else "minus infinite")


def point_words(point: Point | None) -> str:
    """A value with its step."""
    return "-" if point is None else f"{number(point.value)} at step {point.step:,}"


def metric_rows(metric: MetricComparison) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Rows of a table with a cell for each run: last, best, and both where runs of different lengths meet."""
    rows = [(f"{metric.tag}, last", tuple(_last(one) for one in metric.results))]
    if any(one and one.best for one in metric.results):
        rows.append((f"{metric.tag}, best", tuple(point_words(one.best if one else None) for one in metric.results)))
    if _differ_in_length(metric.results) and metric.shared.step is not None:
        at = f"{metric.tag} at step {metric.shared.step:,}, the last that all have"
        rows.append((at, tuple(number(point.value) if point else "-" for point in metric.shared.points)))
        if any(metric.shared.best):
            best = f"{metric.tag}, best up to step {metric.shared.step:,}"
            rows.append((best, tuple(map(point_words, metric.shared.best))))
    return tuple(rows)


def step_words(metric: MetricComparison) -> str:
    """Where the runs are compared."""
    if metric.shared.step is None:
        return f"{metric.tag}: the runs have no step in common, so nothing is compared."
    return f"{metric.tag} at step {metric.shared.step:,}, the last that all have."


def group_words(one: GroupResult) -> str:
    """A group's figures, and how much stands behind them."""
    num_runs = len(one.group.members)
    if one.summary is None:
        return f"{one.num_without_value} of {num_runs} runs without a finite value there, so no mean is told"
    if one.summary.low is None or one.summary.high is None:
        twice = f" ({num_runs} runs of one seed are one sample)" if num_runs > 1 else ""
        return f"{number(one.summary.mean)}, one seed: its spread is not known{twice}"
    interval = f"{number(one.summary.low)} to {number(one.summary.high)}"
    return f"mean {number(one.summary.mean)}, 95 % confidence interval {interval}, {one.summary.n} seeds"


def paired_words(paired: Summary | None) -> str:
    """The difference seed by seed; "" where there is none to tell of."""
    if paired is None or paired.low is None or paired.high is None:
        return ""
    interval = f"{number(paired.low)} to {number(paired.high)}"
    return f"seed by seed: {number(paired.mean)}, 95 % confidence interval {interval}, {paired.n} seeds that both have"


def verdict_lines(metric: MetricComparison, labels: Sequence[str]) -> tuple[str, ...]:
    """Each group with its figures, then each beside one of them, then what to keep in mind."""
    names = group_names([one.group for one in metric.groups], labels)
    lines = [f"{name}: {group_words(one)}." for name, one in zip(names, metric.groups, strict=True)]
    for name, verdict, paired in zip(names, metric.verdicts, metric.paired, strict=True):
        if verdict:
            told = paired_words(paired)
            lines.append(f"{name} beside {names[metric.beside]}: {verdict}.{f' Difference {told}.' if told else ''}")
    return (*lines, *(f"Keep in mind: {caveat}." for caveat in metric.caveats))


def to_json(comparison: Comparison, now: datetime) -> dict[str, Any]:
    """What `peft-studio compare --json` prints; the values of a setting are null for runs that cannot be read."""
    diff, places = comparison.diff, comparison.readable
    rows = [{"key": row.key, "values": _spread(row.values, places, len(comparison.runs))} for row in diff.differences]
    return {
        "runs": [_run(one, now) for one in comparison.runs],
        "config": {"differences": rows, "num_equal": diff.num_equal},
        "metrics": {tag: _metric(comparison, comparison.metric(tag)) for tag in comparison.tags},
    }


def _differ_in_length(results: Sequence[Result | None]) -> bool:
    return len({one.last.step for one in results if one is not None}) > 1


def _last(one: Result | None) -> str:
    if one is None:
        return "-"
    lost = f" ({one.num_not_finite:,} of {one.num_points:,} points are not finite)" if one.num_not_finite else ""
    return point_words(one.last) + lost


def _spread(values: Sequence[Told], places: Sequence[int], num_runs: int) -> list[Any]:
    cells: list[Any] = [None] * num_runs
    for place, value in zip(places, values, strict=True):
        cells[place] = {"not_a_knob_of": value.of} if isinstance(value, NotAKnob) else value
    return cells


def _run(one: ComparedRun, now: datetime) -> dict[str, Any]:
    told = facts(one, now)
    return {
        "id": one.run.id,
        "name": one.run.name,
        "state": one.run.state.value,
        "seed": one.config.training.seed if one.config else None,
        "problem": one.problem or None,
        "changed": list(one.changed),
        "tokens_per_second": told.tokens_per_second,
        "memory_peak": {"tag": told.memory[0], "bytes": told.memory[1]} if told.memory else None,
        "duration_seconds": told.duration_seconds,
        "num_attempts": told.num_attempts,
        "energy_joules": told.energy_joules,
        "notes": one.run.notes,
        "tags": list(one.run.tags),
    }


def _metric(comparison: Comparison, metric: MetricComparison) -> dict[str, Any]:
    ids = [one.run.id for one in comparison.runs]
    members = [[ids[member] for member in one.group.members] for one in metric.groups]
    return {
        "goal": metric.goal.value,
        "common_step": metric.shared.step,
        "runs": [
            _result(one, metric.shared.points[place], metric.shared.best[place])
            for place, one in enumerate(metric.results)
        ],
        "groups": [_group(one, of) for one, of in zip(metric.groups, members, strict=True)],
        "comparisons": [
            {"runs": of, "beside": members[metric.beside], "verdict": verdict, "seed_by_seed": _summary(paired)}
            for of, verdict, paired in zip(members, metric.verdicts, metric.paired, strict=True)
            if verdict
        ],
        "caveats": list(metric.caveats),
    }


def _result(one: Result | None, shared: Point | None, shared_best: Point | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "last": _point(one.last),
        "best": _point(one.best),
        "at_common_step": _point(shared),
        "best_until_common_step": _point(shared_best),
        "num_points": one.num_points,
        "num_not_finite": one.num_not_finite,
    }


def _group(one: GroupResult, run_ids: Sequence[str]) -> dict[str, Any]:
    summary = one.summary
    return {
        "runs": list(run_ids),
        "seeds": list(one.group.seeds),
        "n": summary.n if summary else 0,
        "mean": summary.mean if summary else None,
        "confidence_interval": [summary.low, summary.high] if summary and summary.low is not None else None,
        "num_without_value": one.num_without_value,
    }


def _summary(paired: Summary | None) -> dict[str, Any] | None:
    if paired is None:
        return None
    return {"n": paired.n, "mean": paired.mean, "confidence_interval": [paired.low, paired.high]}


def _point(point: Point | None) -> dict[str, Any] | None:
    return {"step": point.step, "value": point.value} if point else None
