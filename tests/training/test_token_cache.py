"""Tokens are cut once: a second start maps the file, whatever happened to the first."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.data.choice import DatasetChoice
from backend.data.examples import Conversation, Example, PlainText, Turn
from backend.data.loading import load
from tests.fakes.tiny_models import tiny_tokenizer
from tests.training.runs import MakeRun, attempt_here, curves, sum_row, weights

pytestmark = pytest.mark.training
ROWS = [sum_row(a, b) for a in range(6) for b in range(7)]


def examples(folder: Path, cache: Path | None = None, seed: int = 1) -> Any:
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return load(DatasetChoice(path="sums.jsonl"), folder, seed, cache=cache).train


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of each portion that is really encoded."""
    from backend.trainer.tokens import Encoder

    seen: list[int] = []
    honest = Encoder.rows

    def watch(self: Any, examples: Any, names: Any) -> Any:
        seen.append(len(examples))
        return honest(self, examples, names)

    monkeypatch.setattr(Encoder, "rows", watch)
    return seen


def encoder(**changes: Any) -> Any:
    from backend.trainer.tokens import Encoder

    tokenizer = tiny_tokenizer([turn["content"] for row in ROWS for turn in row["messages"]])
    tokenizer.chat_template = changes.pop("template", tokenizer.chat_template)
    return Encoder(tokenizer, **{"max_length": 64, "answers_only": True} | changes)


def listed(rows: Any) -> list[tuple[list[int], list[int]]]:
    return [(list(row["input_ids"]), list(row["labels"])) for row in rows]


def quiet(_: float) -> None:
    pass


def test_rows_encoded_together_are_those_encoded_alone() -> None:
    talks: list[Example] = [
        Conversation(
            (Turn("user", "one?"), Turn("assistant", "two."), Turn("user", "and?"), Turn("assistant", " \n3"))
        ),
        PlainText("one plus two"),
        PlainText(""),
        Conversation((Turn("system", "Be brief."), Turn("user", "é?"), Turn("assistant", "x" * 300))),
    ]
    for answers_only in (True, False):
        encode = encoder(answers_only=answers_only)
        alone = [encode.row(example, "row") for example in talks]
        assert listed(encode.rows(talks, ["row"] * 4)) == listed(alone)


def test_rows_come_back_from_the_file_as_they_were_encoded(tmp_path: Path) -> None:
    train = examples(tmp_path)
    encode = encoder(max_length=45)
    rows = encode.encode(train, "training", quiet)
    alone = [encode.row(example, "row") for example in train]
    assert listed(rows) == listed(alone)
    assert rows.lengths.tolist() == [len(row["input_ids"]) for row in alone]
    assert rows.num_tokens == sum(rows.lengths)
    assert rows[-1]["input_ids"].dtype == np.int64
    assert listed(rows[5:9]) == listed(alone)[5:9]
    assert rows[5:9].lengths.tolist() == rows.lengths[5:9].tolist()


def test_a_second_start_encodes_nothing(tmp_path: Path, calls: list[int]) -> None:
    train = examples(tmp_path, tmp_path / "cache")
    first = encoder().encode(train, "training", quiet)
    assert sum(calls) == len(train)
    shares: list[float] = []
    again = encoder().encode(examples(tmp_path, tmp_path / "cache"), "training", shares.append)
    assert sum(calls) == len(train)
    assert shares == [1.0]
    assert listed(first) == listed(again)


def test_whatever_changes_the_tokens_is_another_entry(tmp_path: Path, calls: list[int]) -> None:
    cache = tmp_path / "cache"
    train = examples(tmp_path, cache)
    template = "{% for m in messages %}{{ m['content'] }}{{ eos_token }}{% endfor %}"
    variants = [{}, {"max_length": 63}, {"answers_only": False}, {"template": template}]
    for changes in variants:
        encoder(**changes).encode(train, "training", quiet)
    encoder().encode(examples(tmp_path, cache, seed=2), "training", quiet)
    assert sum(calls) == len(train) * 5
    assert len(list((cache / "tokens").iterdir())) == 5


def test_a_request_to_stop_keeps_nothing_half_encoded(tmp_path: Path) -> None:
    from backend.trainer.stop import StopRequested

    def stop(_: float) -> None:
        raise StopRequested

    train = examples(tmp_path, tmp_path / "cache")
    with pytest.raises(StopRequested):
        encoder().encode(train, "training", stop)
    assert list((tmp_path / "cache" / "tokens").iterdir()) == []


def test_rows_that_are_cut_away_are_called_by_their_lines(tmp_path: Path) -> None:
    from backend.trainer.errors import RowsTooLong

    rows = [*ROWS[:4], {"messages": [{"role": "user", "content": "why " * 99}, ROWS[0]["messages"][1]]}, *ROWS[4:]]
    (tmp_path / "long.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for seed in range(4):
        loaded = load(DatasetChoice(path="long.jsonl", validation_fraction=0.3), tmp_path, seed)
        names = [loaded.train.where(index) for index in range(len(loaded.train))]  # type: ignore[attr-defined]
        part = loaded.train if "row 5" in names else loaded.validation
        with pytest.raises(RowsTooLong, match=r"within 64 tokens: 5\."):
            encoder().encode(part, "some", quiet)


def test_a_run_that_starts_again_reads_the_cache_and_trains_the_same(make_run: MakeRun, calls: list[int]) -> None:
    runs = [make_run(f"runs/{name}", training={"max_steps": 3}) for name in ("first", "second")]
    attempt_here(runs[0])
    encoded = sum(calls)
    attempt_here(runs[1])
    assert encoded == 42
    assert sum(calls) == encoded
    assert weights(runs[0]) == weights(runs[1])
    assert curves(runs[0]) == curves(runs[1])
    assert (runs[0].root.parent.parent / "cache" / "tokens").is_dir()


class Work:
    """As much of an attempt's work as the recipes' rows look at."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def report(self, *_: object) -> None:
        pass


PAIRS = [{"prompt": f"What is {n}?", "chosen": f"{n} it is.", "rejected": f"No {n}."} for n in range(9)]
RATED = [{"prompt": f"Is {n}?", "completion": f"{n} is.", "label": bool(n % 2)} for n in range(9)]
PROMPTS = [{"prompt": f"Say {n}.", "answer": str(n)} for n in range(9)]
RECIPES = {
    "pretrain": ([{"text": f"text number {n}. " * n} for n in range(1, 9)], {}),
    "dpo": (PAIRS, {}),
    "orpo": (PAIRS, {}),
    "reward": (PAIRS, {}),
    "kto": (RATED, {}),
    "grpo": (PROMPTS, {"rewards": {"length": {"target": 3}}, "max_completion_length": 8}),
}


def plain(row: Any) -> dict[str, Any]:
    return {name: list(map(int, value)) if name.endswith(("ids", "labels")) else value for name, value in row.items()}


@pytest.mark.parametrize("name", RECIPES)
def test_a_second_start_of_every_recipe_reads_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from backend.domain.run_config import RunConfig
    from backend.trainer.programs import program_of
    from backend.trainer.tokens import Encoder

    rows, options = RECIPES[name]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    config = RunConfig.model_validate(
        {
            "base_model": "x",
            "dataset": {"path": "rows.jsonl", "validation_fraction": 0.3},
            "recipe": {"name": name, **options},
            "training": {"max_length": 64},
        }
    )
    tokenizer = tiny_tokenizer([str(row) for row in rows])
    num_encoded = 0
    honest = Encoder._ids

    def watch(self: Any, texts: list[str], *, special: bool) -> Any:
        nonlocal num_encoded
        num_encoded += len(texts)
        return honest(self, texts, special=special)

    monkeypatch.setattr(Encoder, "_ids", watch)

    def start(cache: Path | None) -> tuple[list[Any], list[Any], int]:
        nonlocal num_encoded
        num_encoded = 0
        loaded = load(config.dataset, tmp_path, 1, config.recipe.reads, cache=cache)
        work: Any = Work(config)
        found = program_of(config.recipe).rows(work, loaded, tokenizer)
        return list(map(plain, found.train)), list(map(plain, found.validation)), num_encoded

    *without, _ = start(None)
    *first, num_first = start(tmp_path / "cache")
    *second, num_second = start(tmp_path / "cache")

    assert first == second == without
    assert all(without)
    assert (num_first > 0, num_second) == (True, 0)
