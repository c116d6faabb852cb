"""Killed at random moments, a run ends with the same bits as one that was left alone: real processes, real kills."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from backend.domain.run_directory import RunDirectory
from tests.fakes.forked_trainers import ForkedTrainers
from tests.fakes.tiny_models import tiny_model
from tests.training.recipe_runs import RECIPES, sections_for
from tests.training.runs import MakeRun, Room, curves, exit_record, read, sum_row, weights

pytestmark = [pytest.mark.training, pytest.mark.process]

STEPS = 6
TARGETS = {"dropout": 0.1, "rank": 2, "target_modules": ["q_proj", "down_proj"]}
# One line per way to train: sections of a run.yaml.
WAYS: dict[str, dict[str, Any]] = {
    "lora": {"method": {"name": "lora", **TARGETS}},
    "qlora": {"method": {"name": "qlora", **TARGETS}},
    "dora": {"method": {"name": "dora", **TARGETS}},
    "pissa": {"method": {"name": "pissa", **TARGETS}},
    "adalora": {"method": {"name": "adalora", "rank": 2, "first_rank": 4}},
    "full": {"method": "full"},
    "points over three steps": {"training": {"logging_steps": 3}},
    "evaluation on its own beat": {"training": {"eval_steps": 3}, "dataset": {"validation_fraction": 0.2}},
} | {recipe: {"recipe": recipe, "method": {"name": "lora", **TARGETS}} for recipe in RECIPES}
Kill = tuple[int, float]
KILLS = st.lists(
    st.tuples(st.integers(1, STEPS), st.sampled_from([0.0, 0.0, 0.002, 0.005, 0.01, 0.02])), min_size=1, max_size=2
)
EXAMPLES = -(-settings().max_examples // len(WAYS))  # all ways together make a hundred, or a thousand


class Bench:
    """Undisturbed runs, each trained once, and disturbed ones beside them."""

    def __init__(self, folder: Path) -> None:
        rows = [sum_row(a, b) for a in range(3) for b in range(4)]
        dataset = folder / "sums.jsonl"
        dataset.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        corpus = [turn["content"] for row in rows for turn in row["messages"]]
        model = tiny_model(folder / "llama", "llama", corpus, num_hidden_layers=1)
        self._make = MakeRun(Room({"llama": model}, dataset), folder)
        self._dataset = dataset
        self._calm: dict[str, RunDirectory] = {}
        self._count = 0
        self._trainers = ForkedTrainers()

    def calm(self, way: str, workers: int, accumulation: int) -> RunDirectory:
        key = f"{way}-{workers}-{accumulation}".replace(" ", "-")
        if key not in self._calm:
            self._calm[key] = self._run(f"calm-{key}", way, workers, accumulation)
            self._finish(self._calm[key])
        return self._calm[key]

    def disturbed(self, way: str, workers: int, accumulation: int, kills: list[Kill]) -> RunDirectory:
        self._count += 1
        run = self._run(f"hit-{self._count}", way, workers, accumulation)
        for step, after_seconds in kills:
            self._trainers.train(run, kill_at=step, after_seconds=after_seconds)
        self._finish(run)
        return run

    def close(self) -> None:
        self._trainers.close()

    def _run(self, name: str, way: str, workers: int, accumulation: int) -> RunDirectory:
        sections = dict(WAYS[way])
        if (recipe := sections.pop("recipe", None)) is not None:
            sections |= self._recipe(recipe)
        training = {
            "max_steps": STEPS,
            "save_steps": 2,
            "batch_size": 2,
            "gradient_accumulation": accumulation,
        } | sections.pop("training", {})
        if recipe == "grpo":
            training |= {"batch_size": 4, "gradient_accumulation": 1}  # the answers to one prompt
        dataset = {"path": str(self._dataset), "validation_fraction": 0} | sections.pop("dataset", {})
        speed = {"dataloader_workers": workers} | sections.pop("speed", {})
        return self._make(name, training=training, dataset=dataset, speed=speed, **sections)

    def _recipe(self, recipe: str) -> dict[str, Any]:
        sections = sections_for(recipe, self._dataset.parent)
        sections["training"] |= {"max_length": 48}
        return sections

    def _finish(self, run: RunDirectory) -> None:
        assert self._trainers.train(run) == 0, read(run.log(1))
        assert exit_record(run).step == STEPS


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("exact"))
    yield bench
    bench.close()


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    workers=st.sampled_from([0, 0, 0, 2]),
    accumulation=st.sampled_from([1, 2]),
    kills=KILLS,
)
def test_a_run_that_is_killed_anywhere_ends_with_the_same_bits(
    way: str, workers: int, accumulation: int, kills: list[Kill], bench: Bench
) -> None:
    calm = bench.calm(way, workers, accumulation)

    hit = bench.disturbed(way, workers, accumulation, kills)

    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)
