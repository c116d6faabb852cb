"""Reward functions as trl calls them, made of a run's reward specs."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.recipes.rewards import PythonReward, Rewards, RewardSpec, ScoringSpec
from backend.trainer.errors import RewardFailed
from backend.trainer.say import say

MAX_TIMEOUTS = 4  # of one batch; its other answers score 0 unread, so that a bad pattern costs a second a batch
Function = Callable[..., list[float]]


def reward_functions(rewards: Rewards, base: Path) -> list[Function]:
    """One function per spec, named as in the RunConfig.

    Raises RewardFileUnreadable, RewardFileNotTrusted, RewardFailed.
    """
    return [_function(spec, base) for spec in rewards.chosen()]


def _function(spec: RewardSpec, base: Path) -> Function:
    match spec:
        case ScoringSpec():
            found = _scoring(spec)
        case PythonReward():
            found = _python(spec, base)
        case _:
            raise AssertionError(spec)
    found.__name__ = spec.spec_name()
    return found


def _scoring(spec: ScoringSpec) -> Function:
    def rewards(
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        answer: Sequence[str | None] | None = None,
        **_: object,
    ) -> list[float]:
        answers = answer or [None] * len(completions)
        scores, timeouts = [], 0
        for completion, ids, wanted in zip(completions, completion_ids, answers, strict=True):
            try:
                scores.append(0.0 if timeouts >= MAX_TIMEOUTS else spec.score(text_of(completion), len(ids), wanted))
            except TimeoutError:
                scores.append(0.0)
                timeouts += 1
        if timeouts:
            _complain(spec, timeouts)
        return scores

    return rewards


def _complain(spec: ScoringSpec, timeouts: int) -> None:
    pattern = getattr(spec, "pattern", "")
    say(
        f"reward {spec.spec_name()}: the pattern {pattern!r} took too long on {timeouts} answers, which score 0; "
        "it probably repeats what is already repeated, as (a+)+ does: write it without nested repetition"
    )


def _python(spec: PythonReward, base: Path) -> Function:
    function = load_trusted(spec, base)

    def rewards(
        prompts: Sequence[Any], completions: Sequence[Any], answer: Sequence[str | None] | None = None, **_: object
    ) -> list[float]:
        asked, given = [text_of(prompt) for prompt in prompts], [text_of(each) for each in completions]
        answers: list[str | None] = list(answer) if answer else [None] * len(given)
        try:
            found = [float(score) for score in function(asked, given, answers)]
        except Exception as error:
            raise RewardFailed(path=spec.path, why=f"{type(error).__name__}: {error}") from error
        if len(found) != len(given) or not all(map(math.isfinite, found)):
            raise RewardFailed(path=spec.path, why=f"It gave {found[:5]} for {len(given)} answers, not a number each.")
        return found

    return rewards


def load_trusted(spec: PythonReward, base: Path) -> Callable[[list[str], list[str], list[str | None]], Sequence[float]]:
    """Run the file that was consented to, from exactly the bytes that were hashed, and take its function."""
    source = spec.trusted_source(base)
    namespace: dict[str, Any] = {"__name__": "trusted_reward", "__file__": spec.path}
    try:
        exec(compile(source, spec.path, "exec", dont_inherit=True), namespace)  # noqa: S102 - consented to by hash
    except Exception as error:
        raise RewardFailed(path=spec.path, why=f"{type(error).__name__}: {error}") from error
    function = namespace.get("reward")
    if not callable(function):
        raise RewardFailed(path=spec.path, why="It has no function reward(prompts, completions, answers).")
    return function  # type: ignore[no-any-return] # whatever the file calls reward


def text_of(turns: Sequence[dict[str, str]]) -> str:
    """What was said last."""
    return turns[-1]["content"]
