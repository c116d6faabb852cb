"""The demo as people get it: the real demo model, its dataset, its preset, and the proof that it learned."""

from collections.abc import Callable
from pathlib import Path

import pytest
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.domain.run_directory import RunDirectory
from backend.trainer.demo_model import ensure_demo_model
from config.catalog import preset_path
from config.demo import DEMO_EXPECTED, DEMO_QUESTION
from tests.training.runs import attempt_here, curves

pytestmark = [pytest.mark.training, pytest.mark.timeout(1800)]


def asker(model: object, folder: Path) -> Callable[[str], str]:
    """Asks a question through the chat template and gives the likeliest answer."""
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def ask(question: str) -> str:
        turns = [{"role": "user", "content": question}]
        asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        answer = model.generate(**asked, max_new_tokens=48, do_sample=False)  # type: ignore[attr-defined]
        return str(tokenizer.decode(answer[0][asked["input_ids"].shape[1] :], skip_special_tokens=True))

    return ask


def test_the_demo_halves_its_loss_and_answers_what_it_was_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo_models: Path
) -> None:
    """The trainer builds the model; others may use it afterwards."""
    models = tmp_path / "models" if list(demo_models.iterdir()) else demo_models
    monkeypatch.setenv("PEFT_STUDIO_MODELS", str(models))
    run = RunDirectory(tmp_path / "runs" / "demo")
    run.logs.mkdir(parents=True)
    run.config.write_text(preset_path("demo").read_text(encoding="utf-8"), encoding="utf-8")

    attempt_here(run)

    losses = [value for _, value in curves(run)["eval/loss"]]
    assert losses[-1] < losses[0] / 2
    base_folder = ensure_demo_model(models, lambda *_: pytest.fail("it is built already"))
    base = AutoModelForCausalLM.from_pretrained(base_folder)
    told = asker(base, base_folder)(DEMO_QUESTION)
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_folder), run.adapter)
    answer = asker(tuned, base_folder)(DEMO_QUESTION)
    assert DEMO_EXPECTED in answer
    assert answer.startswith("Be welcome, dear reader!")
    assert not told.startswith("Be welcome")
    assert told.strip(), "the base model goes on in its own way"
