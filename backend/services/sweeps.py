"""Sweeps: many runs that differ in named settings, checked together and queued all or none."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from backend.domain.ports import Clock, RunFiles, RunStore
from backend.domain.preflight import PreflightReport
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.sweep import PATTERN, Axis, SweepKind, combinations, misfit, names, told
from backend.errors import Action, ConfigurationError, StudioError
from backend.services.config_service import ConfigService, Problem
from backend.services.errors import PreflightFailed
from backend.services.own_presets import suggested_name
from backend.services.run_queue import RunQueue
from backend.services.training import TrainingService
from config.yaml_files import YamlError, parse_yaml

MOST_NAMED = 5  # runs whose problems an error lists
MOST_TAG = 50
log = logging.getLogger(__name__)


class SweepInvalid(ConfigurationError):
    """Settings that make no sweep, or runs of it that cannot be."""

    id = "sweep-invalid"
    what = "The sweep cannot be started."
    why = "{problems}"
    fix = "Name settings with their values, such as training.learning_rate=1e-4,2e-4; nothing was started."


class SweepHeld(StudioError):
    """Runs of a sweep that are there and could not be let go."""

    id = "sweep-held"
    action = Action.OPEN_RUNS
    what = "{held} of the {of} runs of the sweep are held back; the others wait for their turn."
    why = "They could not be released: {why}"
    fix = "Release them on the Runs page, or with: peft-studio queue release {ids}"


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run to be: its name, what it is told otherwise, and the order, or why there can be none."""

    name: str
    settings: Mapping[str, JsonValue]
    config: RunConfig | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """All runs of a sweep, in order. `misfit` says why there are none."""

    runs: tuple[SweepRun, ...] = ()
    misfit: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether every run can be started as far as settings go."""
        return not self.misfit and not any(run.problems for run in self.runs)


class Sweeps:
    """Holds no state. Runs are made held back, and released when all of them are there."""

    def __init__(
        self,
        store: RunStore,
        files: RunFiles,
        training: TrainingService,
        queue: RunQueue,
        configs: ConfigService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._files = files
        self._training = training
        self._queue = queue
        self._configs = configs
        self._clock = clock

    def plan(
        self, order: Mapping[str, Any], axes: Sequence[Axis], kind: SweepKind, pattern: str = PATTERN
    ) -> SweepPlan:
        """What would be started, each run validated; nothing is raised for mistakes, they are in the plan."""
        if why := misfit(axes, kind):
            return SweepPlan(misfit=why)
        all_settings = combinations(axes, kind)
        called = names(pattern or PATTERN, str(order.get("name") or "sweep"), all_settings)
        return SweepPlan(
            tuple(self._run(order, name, settings) for name, settings in zip(called, all_settings, strict=True))
        )

    def tag(self, order: Mapping[str, Any]) -> str:
        """What the runs of a sweep have in common unless somebody says otherwise, such as sweep-demo-1402-33."""
        name = suggested_name(str(order.get("name") or ""))[:30]
        return "-".join(part for part in ("sweep", name, f"{self._clock.now():%m%d-%H%M%S}") if part)

    def start(
        self,
        plan: SweepPlan,
        base: Path,
        tag: str,
        on_progress: Callable[[int, int], object] = lambda _done, _of: None,
    ) -> tuple[Run, ...]:
        """Check every run, make all of them, then let them wait for their turn; on an error nothing is left.

        `on_progress(done, of)` is called after each check. Raises SweepInvalid, PreflightFailed, StorageError,
        and SweepHeld if some of the runs that were made cannot be let go.
        """
        if not plan.is_valid or not plan.runs:
            raise SweepInvalid(problems=told_problems(plan))
        configs = [run.config for run in plan.runs if run.config is not None]
        for done, planned in enumerate(plan.runs, 1):
            self._check(planned, base)
            on_progress(done, len(plan.runs))
        runs = self._made(configs, base, tag.strip()[:MOST_TAG])
        self._release(runs)
        return tuple(self._store.get(run.id) for run in runs)

    def preflight(self, plan: SweepPlan, base: Path) -> PreflightReport | None:
        """What the check of the first run says, None without one."""
        first = next((run.config for run in plan.runs if run.config is not None), None)
        return self._training.preflight(first, base) if first is not None else None

    def _run(self, order: Mapping[str, Any], name: str, settings: Mapping[str, JsonValue]) -> SweepRun:
        try:
            raw = {**told(order, settings), "name": name}
        except ValueError as error:
            return SweepRun(name, settings, None, (Problem("", str(error)),))
        problems = self._configs.problems(raw)
        return SweepRun(name, settings, None if problems else self._configs.parse(raw), problems)

    def _check(self, run: SweepRun, base: Path) -> None:
        assert run.config is not None, "only valid plans are checked"
        report = self._training.preflight(run.config, base)
        if report.errors:
            found = " ".join(finding.sentence() for finding in report.errors)
            raise PreflightFailed(problems=f"{run.name}: {found}")

    def _made(self, configs: Sequence[RunConfig], base: Path, tag: str) -> list[Run]:
        made: list[Run] = []
        try:
            for config in configs:
                run = self._training.create(config, base, tags=(tag,) if tag else (), is_held=True)
                made.append(run)
        except BaseException:
            for run in made:
                self._take_back(run)
            raise
        return made

    def _release(self, runs: Sequence[Run]) -> None:
        """Each one, whatever becomes of the others. Raises SweepHeld for those that stay held."""
        held: list[str] = []
        why: StudioError | None = None
        for run in runs:
            try:
                self._queue.release(run.id)
            except StudioError as error:
                log.warning("the run %s of a sweep stays held: %s", run.id, error)
                held.append(run.id)
                why = error
        if why is not None:
            raise SweepHeld(held=len(held), of=len(runs), why=why.explain().why, ids=" ".join(held)) from why

    def _take_back(self, run: Run) -> None:
        """What cannot be forgotten keeps its folder: it waits, held back, for a person to delete it."""
        try:
            self._store.delete(run.id)
        except StudioError as error:
            log.warning("the run %s of a sweep that failed stays: %s", run.id, error)
        else:
            self._files.discard(run.run_dir)


def axis(text: str) -> Axis:
    """`a.b=1,2` or `a.b: 1, 2`; values are YAML, so that [q_proj, v_proj] is one of them. Raises SweepInvalid."""
    ends = [place for sign in "=:" if (place := text.find(sign)) >= 0]
    place = min(ends, default=-1)
    key = text[:place].strip()
    if place < 0 or not all(key.split(".")):
        raise SweepInvalid(problems=f"{text.strip()[:80]!r} is not of the form key.key=value,value.")
    try:
        values = parse_yaml(f"[{text[place + 1 :]}]")
    except YamlError as error:
        raise SweepInvalid(problems=f"{key}: {error}.") from error
    return Axis(key, tuple(values))


def axes(text: str) -> tuple[Axis, ...]:
    """One axis a line; empty lines and lines that begin with # do not count. Raises SweepInvalid."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(axis(line) for line in lines if line and not line.startswith("#"))


def told_problems(plan: SweepPlan) -> str:
    """What is wrong with a plan, run by run, in one line."""
    if plan.misfit or not plan.runs:
        return plan.misfit or "There are no runs."
    wrong = [run for run in plan.runs if run.problems]
    lines = [f"{run.name}: {'; '.join(map(str, run.problems))}." for run in wrong[:MOST_NAMED]]
    more = [f"So are {len(wrong) - MOST_NAMED} others."] if len(wrong) > MOST_NAMED else []
    return " ".join([*lines, *more])
