"""Datasets and RunConfig sections with which each recipe can be trained on a tiny model."""

import json
from pathlib import Path
from typing import Any

QUESTIONS = [(a, b) for a in range(5) for b in range(4)]
GRPO = {"name": "grpo", "num_generations": 4, "max_completion_length": 12, "rewards": {"length": {"target": 3}}}
RECIPES: dict[str, dict[str, Any]] = {
    "pretrain": {"name": "pretrain"},
    "dpo": {"name": "dpo"},
    "orpo": {"name": "orpo"},
    "kto": {"name": "kto"},
    "grpo": GRPO,
    "reward": {"name": "reward"},
}


def rows_for(recipe: str) -> list[dict[str, Any]]:
    """Sums: the good answer is right and polite, the bad one neither."""
    return [_row(recipe, f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}.", f"No {b}!") for a, b in QUESTIONS]


def _row(recipe: str, prompt: str, good: str, bad: str) -> dict[str, Any]:
    match recipe:
        case "pretrain":
            return {"text": f"{prompt} {good}"}
        case "grpo":
            return {"prompt": prompt, "answer": good}
        case "kto":
            is_good = len(prompt + good) % 2 == 0 or "1" in prompt
            return {"prompt": prompt, "completion": good if is_good else bad, "label": is_good}
        case _:
            return {"prompt": prompt, "chosen": good, "rejected": bad}


def sections_for(recipe: str, folder: Path) -> dict[str, Any]:
    """What a RunConfig needs to train a recipe, with its dataset written to a folder."""
    file = folder / f"{recipe}.jsonl"
    file.write_text("\n".join(map(json.dumps, rows_for(recipe))), encoding="utf-8")
    dataset = {"path": str(file), "format": "kto" if recipe == "kto" else "auto"}
    training = {"max_length": 32} if recipe == "pretrain" else {}
    return {"recipe": RECIPES[recipe], "dataset": dataset, "training": training}
