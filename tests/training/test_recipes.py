"""Every recipe is really trained, resumes exactly, and its result means the same to plain peft."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.recipe_runs import RECIPES, sections_for
from tests.training.runs import Crash, MakeRun, attempt_here, curves, weights

pytestmark = pytest.mark.training


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_crash_changes_no_bit_whatever_the_recipe(recipe: str, make_run: MakeRun, tmp_path: Path) -> None:
    """A crash at step 7 falls back to step 5, inside a logging window of four steps."""
    sections = sections_for(recipe, tmp_path)
    sections["training"] |= {"max_steps": 8, "logging_steps": 4, "gradient_accumulation": 2, "eval_steps": 3}
    calm, hit = make_run("calm", **sections), make_run("hit", **sections)

    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=7)
    attempt_here(hit)

    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)
    assert len(curves(calm)["eval/loss"]) == 4
