"""The guards at work: what the detectors find is warned of, ends the run, or rolls it back."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from pydantic import JsonValue

from backend.domain.detectors import Best, DeadRate, Divergence, Explosion, Finding, Overfitting
from backend.domain.exit_record import Proposal
from backend.domain.guards import Guards
from backend.domain.remarks import Remark, row_names
from backend.domain.run_config import RunConfig
from backend.trainer.errors import GuardTripped, LossNotFinite
from backend.trainer.notes import Notes
from backend.trainer.updates import UpdateMeter
from backend.trainer.watching import Number, RowsOf, State, Verdict, Watcher

Detector = Divergence | Explosion | Overfitting | DeadRate | Best
D = TypeVar("D", bound=Detector)


class Guarding(Watcher):
    """Divergence, exploding gradients, overfitting and a dead learning rate.

    `rows_of` gives the rows of a step; it is set when there is a loop to ask.
    """

    name = "guards"

    def __init__(self, config: RunConfig, notes: Notes) -> None:
        guards = config.guards
        self._guards = guards
        self._rate = config.training.learning_rate
        self._notes = notes
        self.rows_of: RowsOf = lambda _: ()
        self._meter = UpdateMeter()
        self.callback = self._meter if guards.dead_rate != "off" else None
        self._divergence = Divergence(guards.divergence_factor, guards.divergence_steps)
        self._explosion = Explosion(guards.gradient_factor)
        self._overfitting = Overfitting(guards.overfitting_evaluations)
        self._dead = DeadRate(guards.dead_rate_steps)

    def step_ended(self, step: int, scalars: Mapping[str, float]) -> Verdict:
        """Look at loss, gradient norm and the size of the update."""
        loss = scalars["loss"]
        self._overfitting = self._overfitting.trained(loss)
        self._divergence, diverged = self._divergence.seen(step, loss)
        exploded, norm = None, scalars.get("grad_norm", math.nan)
        if math.isfinite(norm):  # with float16 the scaler skips the others
            self._explosion, exploded = self._explosion.seen(step, norm)
        self._dead, died = self._dead.seen(step, loss, scalars.get("update_size"))
        return max([self._act(finding) for finding in (diverged, exploded, died)])

    def measured(self) -> dict[str, Number]:
        """The size of the update, at some steps."""
        return {"update_size": self._meter.size}

    def evaluated(self, step: int, scalars: Mapping[str, float]) -> Verdict:
        """Look at the evaluation loss."""
        self._overfitting, finding = self._overfitting.seen(step, scalars["eval/loss"])
        return self._act(finding)

    def state(self) -> State:
        """The detectors' memory."""
        return {name: kept(detector) for name, detector in self._detectors().items()} | {"is_over": self.is_over}

    def restore(self, state: Mapping[str, JsonValue]) -> None:
        """Take the memory over; the limits are the order's."""
        for name, detector in self._detectors().items():
            setattr(self, f"_{name}", recalled(detector, state.get(name)))
        self.is_over = state.get("is_over") is True

    def _detectors(self) -> dict[str, Detector]:
        names = ("divergence", "explosion", "overfitting", "dead")
        return {name: getattr(self, f"_{name}") for name in names}

    def _act(self, finding: Finding | None) -> Verdict:
        action = finding and _action(self._guards, finding)
        if finding is None or action in (None, "off"):
            return Verdict.GO_ON
        rows = self.rows_of(finding.step) if finding.guard in ("divergence", "gradient-explosion") else ()
        remark = Remark(finding.step, finding.text, finding.guard, rows)
        if action == "warn":
            self._notes.add(remark)
            return Verdict.GO_ON
        if action == "stop":
            self._notes.add(replace(remark, text=f"{finding.text}; the run ends here"))
            self.is_over = True
            return Verdict.END
        self._notes.add(replace(remark, text=f"{finding.text}; it is to be rolled back"))
        proposal = lower_rate(self._guards, self._rate, finding.good_step)
        raise GuardTripped(sentence=remark.sentence(), good_step=finding.good_step, proposal=proposal)


class EarlyStopping(Watcher):
    """Knows the best evaluation, asks for a checkpoint of it, and may end the run when none is better."""

    name = "best"

    def __init__(self, config: RunConfig, notes: Notes) -> None:
        self._guards = config.guards
        self._notes = notes
        self.best = Best(config.guards.metric_goal == "lower", config.guards.min_delta)
        self.best_loss: float | None = None

    def evaluated(self, step: int, scalars: Mapping[str, float]) -> Verdict:
        """Compare; what was measured before the first step is no result."""
        value = scalars.get(self._guards.metric)
        if value is None or step == 0:
            return Verdict.GO_ON
        self.best = self.best.seen(step, value)
        self.best_loss = scalars.get("eval/loss") if self.best.step == step else self.best_loss
        limit = self._guards.early_stopping_evaluations
        if limit is not None and self.best.num_since >= limit:
            self.is_over = True
            best = f"the best was {self.best.value:.4g} at step {self.best.step}" if self.best.step else "none counted"
            text = f"no better {self._guards.metric} for {self.best.num_since} evaluations; {best}; the run ends here"
            self._notes.add(Remark(step, text, "early-stopping"))
            return Verdict.END
        is_kept = self._guards.keep_best and self.best.step == step
        return Verdict.SAVE if is_kept else Verdict.GO_ON

    def protected(self) -> frozenset[int]:
        """The step whose checkpoint must stay."""
        return frozenset({self.best.step}) if self._guards.keep_best and self.best.step else frozenset()

    def state(self) -> State:
        """The best so far."""
        return {"best": kept(self.best), "best_loss": self.best_loss, "is_over": self.is_over}

    def restore(self, state: Mapping[str, JsonValue]) -> None:
        """Go on comparing."""
        self.best = recalled(self.best, state.get("best"))
        loss = state.get("best_loss")
        self.best_loss = loss if isinstance(loss, float) else None
        self.is_over = state.get("is_over") is True


SETTINGS = frozenset({"factor", "patience", "window", "is_lower_better", "min_delta"})


def kept(detector: Detector) -> State:
    """What a detector remembers, as JSON has it."""
    state: dict[str, Any] = asdict(detector)
    return {name: value for name, value in state.items() if name not in SETTINGS}


def recalled(detector: D, state: JsonValue) -> D:
    """The detector with a memory; one of another version is forgotten."""
    if not isinstance(state, dict):
        return detector
    known = {field.name for field in fields(detector)} - SETTINGS
    memory: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in state.items() if name in known
    }
    return replace(detector, **memory)


def lower_rate(guards: Guards, rate: float, good_step: int) -> Proposal:
    """What a roll-back asks for."""
    return Proposal(good_step, {"training.learning_rate": rate * guards.rollback_rate})


def heed_broken_loss(error: LossNotFinite, config: RunConfig, rows_of: RowsOf, notes: Notes) -> None:
    """After a loss or gradient that is not finite: return to finish with the best checkpoint, or raise.

    Raises LossNotFinite with the rows of its step, and with a proposal to roll back.
    """
    step = error.data["step"]
    assert isinstance(step, int), "finite() gives it"
    rows = () if str(error.data["quantity"]).startswith("validation") else rows_of(step)
    text = f"the {error.data['quantity']} is {error.data['value']}"
    action = config.guards.not_finite
    if action == "stop":
        notes.add(Remark(step, f"{text}; the run ends here", "not-finite", rows))
        return
    notes.add(Remark(step, text, "not-finite", rows))
    more: dict[str, object] = {"rows": f" It was made of {row_names(rows)}." if rows else ""}
    if action == "roll-back":
        more |= {"proposal": lower_rate(config.guards, config.training.learning_rate, step - 1)}
    raise LossNotFinite(**(error.data | more)) from error


def _action(guards: Guards, finding: Finding) -> str:
    match finding.guard:
        case "divergence":
            return guards.divergence
        case "gradient-explosion":
            return guards.gradient_explosion
        case "overfitting":
            return guards.overfitting
        case "dead-rate":
            return guards.dead_rate
    raise AssertionError(finding.guard)
