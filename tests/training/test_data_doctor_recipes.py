"""The data doctor takes what training takes: all parts of a dataset, read as the recipe reads them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.data.choice import DatasetChoice
from backend.data.loading import load
from backend.domain.data_report import DataOrder, DataReport, RowLook, TokenState
from backend.domain.run_config import BaseModelChoice, RunConfig
from backend.recipes import Dpo, Grpo, Kto, Orpo, Pretrain, Recipe, Reward
from backend.recipes.rewards import Rewards
from backend.recipes.rewards.length import LengthReward
from tests.fakes.tiny_models import tiny_tokenizer

pytestmark = pytest.mark.training
PAIRS = [
    {"prompt": f"What is {n}?", "chosen": f"{n} is {'one more than ' * n}{n - 1}.", "rejected": f"No {n} idea."}
    for n in range(1, 7)
]
RATED = [{"prompt": f"Is {n}?", "completion": f"{n} is.", "label": bool(n % 2)} for n in range(6)]
TALKS = [{"prompt": f"Say {n}.", "completion": f"{n}!"} for n in range(8)]


@dataclass
class Work:
    """As much of an attempt's work as the recipes' rows look at."""

    config: RunConfig

    def report(self, *_: object) -> None:
        pass


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    tiny_tokenizer([str(row) for row in PAIRS]).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    (folder / "model.safetensors").touch()
    return folder


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> str:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def examined(model: Path | None, folder: Path, dataset: dict[str, Any], **changes: Any) -> DataReport:
    from backend.trainer.examination import examine

    choice = DatasetChoice.model_validate({"validation_fraction": 0} | dataset)
    base = BaseModelChoice(path=str(model)) if model else None
    order = {"folder": str(folder), "dataset": choice, "base_model": base, "max_length": 128, "show": 50}
    return examine(DataOrder.model_validate(order | changes))


def trained_rows(model: Path, folder: Path, name: str, recipe: Recipe, max_length: int) -> Any:
    """What the recipe's own program would feed to its loop."""
    from backend.base_models.files import locate
    from backend.trainer.model import load_tokenizer
    from backend.trainer.programs import program_of

    dataset = {"path": name, "validation_fraction": 0}
    config = RunConfig.model_validate(
        {
            "base_model": str(model),
            "dataset": dataset,
            "recipe": recipe,
            "training": {"max_length": max_length, "batch_size": 4},
        }
    )
    loaded = load(config.dataset, folder, config.training.seed, recipe.reads)
    tokenizer = load_tokenizer(locate(config.base_model, folder))
    work: Any = Work(config)
    return program_of(recipe).rows(work, loaded, tokenizer).train


def kept(look: RowLook) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids that training sees, and those of them that are learned."""
    tokens = [token for token in look.tokens if token.state in {TokenState.MASKED, TokenState.TRAINED}]
    learned = tuple(token.id for token in tokens if token.state is TokenState.TRAINED)
    return tuple(token.id for token in tokens), learned


@pytest.mark.parametrize("max_length", [128, 30])
def test_both_answers_of_a_pair_are_shown_as_dpo_and_orpo_learn_them(
    model: Path, tmp_path: Path, max_length: int
) -> None:
    name = write(tmp_path, "pairs.jsonl", PAIRS)
    looks = examined(model, tmp_path, {"path": name}, recipe=Dpo(), max_length=max_length).rows
    pairs = trained_rows(model, tmp_path, name, Dpo(), max_length)

    assert [look.side for look in looks] == ["chosen", "rejected"] * len(PAIRS)
    expected = [
        (tuple(row["prompt_ids"] + row[f"{side}_ids"]), tuple(row[f"{side}_ids"]))
        for row in pairs
        for side in ("chosen", "rejected")
    ]
    assert [kept(look) for look in looks] == expected
    assert looks == examined(model, tmp_path, {"path": name}, recipe=Orpo(), max_length=max_length).rows


def test_a_dataset_alone_is_read_by_its_usual_recipe(model: Path, tmp_path: Path) -> None:
    found = [
        examined(model, tmp_path, {"path": write(tmp_path, "rows.jsonl", rows), "format": name}).recipe
        for rows, name in (
            (TALKS, "auto"),
            ([{"text": "a text"}], "auto"),
            (PAIRS, "auto"),
            (RATED, "kto"),
            (RATED, "auto"),  # the label may mean something else
            ([{"prompt": "only a prompt"}], "auto"),
        )
    ]

    assert found == ["sft", "sft", "dpo", "kto", "sft", "grpo"]


def test_of_a_text_that_is_scored_the_last_token_is_marked(model: Path, tmp_path: Path) -> None:
    name = write(tmp_path, "pairs.jsonl", PAIRS)
    looks = examined(model, tmp_path, {"path": name}, recipe=Reward(), max_length=30).rows
    rows = trained_rows(model, tmp_path, name, Reward(), 30)

    expected = [tuple(row[f"{side}_ids"]) for row in rows for side in ("chosen", "rejected")]
    assert [kept(look) for look in looks] == [(ids, ids[-1:]) for ids in expected]


def test_rated_answers_and_pairs_are_shown_as_kto_learns_them(model: Path, tmp_path: Path) -> None:
    rated = write(tmp_path, "rated.jsonl", RATED)
    pairs = write(tmp_path, "pairs.jsonl", PAIRS)
    for name in (rated, pairs):
        looks = examined(model, tmp_path, {"path": name}, recipe=Kto()).rows
        rows = trained_rows(model, tmp_path, name, Kto(), 128)

        expected = sorted(
            (tuple(row["prompt_ids"] + row["completion_ids"]), tuple(row["completion_ids"]), row["label"])
            for row in rows
        )
        assert sorted((*kept(look), look.side == "good") for look in looks) == expected


def test_pretraining_learns_all_and_cuts_nothing(model: Path, tmp_path: Path) -> None:
    name = write(tmp_path, "texts.jsonl", [{"text": "one plus two " * n} for n in range(1, 9)])
    report = examined(model, tmp_path, {"path": name}, recipe=Pretrain(), max_length=16)
    blocks = trained_rows(model, tmp_path, name, Pretrain(), 16)

    assert report.findings == ()
    assert {token.state for look in report.rows for token in look.tokens[1:]} <= {
        TokenState.TRAINED,
        TokenState.PADDING,
    }
    assert report.lengths is not None
    assert (report.lengths.num_cut, report.lengths.proposed_max_length) == (0, 16)
    total = sum(len(block["input_ids"]) for block in blocks)
    assert report.lengths.packing.padded == pytest.approx(
        total / sum(16 * min(4, len(blocks) - start) for start in range(0, len(blocks), 4)), abs=0.2
    )


def test_nothing_of_a_prompt_is_learned_and_it_needs_room_for_an_answer(model: Path, tmp_path: Path) -> None:
    name = write(tmp_path, "prompts.jsonl", [{"prompt": "short?"}, {"prompt": "long " * 60}])
    grpo = Grpo(rewards=Rewards(length=LengthReward(limit=5)), max_completion_length=64)
    report = examined(model, tmp_path, {"path": name}, recipe=grpo)

    by_id = {item.id: item for item in report.findings}
    assert by_id["no-room-for-answer"].rows == (2,)
    assert "leaves 64 tokens" in by_id["no-room-for-answer"].why
    assert not {"nothing-learned", "end-never-trained"} & set(by_id)
    assert [look.side for look in report.rows] == ["prompt"] * 2
    assert not any(token.state is TokenState.TRAINED for look in report.rows for token in look.tokens)


def test_a_pair_that_differs_behind_the_cut_only_is_found(model: Path, tmp_path: Path) -> None:
    long = "the same words again " * 20
    rows = [*PAIRS, {"prompt": "Why?", "chosen": f"{long}yes", "rejected": f"{long}no"}]
    report = examined(model, tmp_path, {"path": write(tmp_path, "pairs.jsonl", rows)}, recipe=Dpo())

    by_id = {item.id: item for item in report.findings}
    assert by_id["no-difference"].rows == (7,)
    from backend.trainer.errors import RowsTooLong

    with pytest.raises(RowsTooLong):
        trained_rows(model, tmp_path, "pairs.jsonl", Dpo(), 128)


def test_a_mixture_is_examined_whole(model: Path, tmp_path: Path) -> None:
    """Weights, a folder, mapped columns, a validation file: all that a run.yaml can name."""
    write(tmp_path, "a.jsonl", TALKS)
    write(tmp_path, "more/b.jsonl", [{"q": f"Ask {n}", "r": f"Get {n}"} for n in range(3)])
    write(tmp_path, "more/c.jsonl", [{"q": "Ask", "r": "Get"}, {"q": "none"}])
    write(tmp_path, "v.jsonl", [TALKS[0], {"prompt": "too " * 200, "completion": "long"}])
    dataset = {
        "path": "a.jsonl",
        "weight": 2,
        "validation_path": "v.jsonl",
        "mix": [
            {
                "path": "more",
                "format": "prompt_completion",
                "columns": {"prompt": "q", "completion": "r"},
                "weight": 0.5,
            }
        ],
    }
    report = examined(model, tmp_path, dataset)

    assert [(part.path, part.num_rows, part.weight, part.is_validation) for part in report.parts] == [
        ("a.jsonl", 8, 2, False), ("more", 5, 0.5, False), ("v.jsonl", 2, 1, True)
    ]  # fmt: skip
    by_id = {item.id: item for item in report.findings}
    assert by_id["rows-unusable"].rows == ("c.jsonl:2",)
    assert by_id["prompt-too-long"].rows == ("v.jsonl:2",)
    assert "row 1 of a.jsonl" in by_id["leak"].why
    assert {str(look.number).partition(":")[0] for look in report.rows} == {"a.jsonl", "b.jsonl", "c.jsonl", "v.jsonl"}

    write(tmp_path, "more/c.jsonl", [{"q": "Ask", "r": "Get"}])
    whole = examined(model, tmp_path, dataset)
    loaded = load(DatasetChoice.model_validate(dataset), tmp_path, 42)
    assert (whole.num_train_rows, whole.num_validation_rows) == (len(loaded.train), len(loaded.validation))


def test_a_part_that_the_recipe_cannot_read_is_refused_as_training_does(tmp_path: Path) -> None:
    from backend.errors import DataError

    write(tmp_path, "a.jsonl", TALKS)
    write(tmp_path, "b.jsonl", PAIRS)
    with pytest.raises(DataError) as caught:
        examined(None, tmp_path, {"path": "a.jsonl", "mix": [{"path": "b.jsonl"}]})

    assert caught.value.id == "dataset-kind-unsuitable"


def test_heavier_parts_are_drawn_more_often(tmp_path: Path) -> None:
    from backend.trainer.sampling_rows import sample_rows

    write(tmp_path, "a.jsonl", [{"prompt": f"a {n}", "completion": "x"} for n in range(300)])
    write(tmp_path, "b.jsonl", [{"prompt": f"b {n}", "completion": "x"} for n in range(300)])
    choice = DatasetChoice.model_validate({"path": "a.jsonl", "weight": 9, "mix": [{"path": "b.jsonl"}]})
    drawn = sample_rows(choice, tmp_path, None, 60, 1).train

    num_heavy = sum(str(row.place).startswith("a.jsonl") for row in drawn)
    assert 45 <= num_heavy <= 59


def test_a_hub_dataset_is_examined_from_its_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from datasets import Dataset

    from backend.data import hub

    monkeypatch.chdir(tmp_path)
    copy = Dataset.from_list(TALKS)
    monkeypatch.setattr(hub, "_fetch", lambda _part: (copy, "default 123"))
    report = examined(None, tmp_path, {"path": "hub:org/name"})

    assert (report.path, report.num_rows, report.format) == ("hub:org/name", 8, "prompt_completion")
    assert report.findings == ()
