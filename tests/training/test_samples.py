"""Answers to fixed prompts: the same training with and without them, readable as TensorBoard text."""

from typing import Any

import pytest

from backend.domain.sampling import SamplePrompt
from backend.trainer.errors import ChatTemplateUnsuitable
from backend.trainer.samples import encoded
from backend.trainer.stop import StopRequested
from tests.training.runs import Crash, MakeRun, attempt_here, curves, weights
from tests.training.test_guards import texts

pytestmark = pytest.mark.training
SAMPLES: dict[str, Any] = {
    "prompts": ["What is 1 plus 2?", {"user": "What is 3 plus 4?", "system": "Be brief."}],
    "every_steps": 4,
    "max_new_tokens": 12,
}


@pytest.mark.parametrize("model", ["llama", "gemma3"])
@pytest.mark.parametrize("is_drawn", [False, True])
def test_samples_change_no_bit_of_the_training(make_run: MakeRun, model: str, is_drawn: bool) -> None:
    training = {"gradient_checkpointing": is_drawn}
    samples = SAMPLES | {"temperature": 0.8 if is_drawn else 0.0}
    without = make_run("without", model=model, training=training)
    with_them = make_run("with", model=model, training=training, samples=samples)
    attempt_here(without)
    attempt_here(with_them)
    assert weights(with_them) == weights(without)
    assert curves(with_them) == curves(without)
    for number, question in ((1, "> What is 1 plus 2?"), (2, "> Be brief.\n> \n> What is 3 plus 4?")):
        taken = texts(with_them, f"samples/{number}")
        assert [step for step, _ in taken] == [0, 4, 8, 12]
        assert all(text.startswith(question + "\n\n") for _, text in taken)
        assert model == "gemma3" or taken[0][1] != taken[-1][1], "it has learned something"


def test_a_crash_changes_no_sample(make_run: MakeRun) -> None:
    samples = SAMPLES | {"temperature": 1.0}
    calm, hit = make_run("calm", samples=samples), make_run("hit", samples=samples)
    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=7)
    attempt_here(hit)
    assert weights(hit) == weights(calm)
    for number in (1, 2):
        assert texts(hit, f"samples/{number}") == texts(calm, f"samples/{number}")


def test_samples_that_a_stop_broke_off_are_taken_by_the_next_attempt(make_run: MakeRun) -> None:
    run = make_run(samples=SAMPLES)
    with pytest.raises(StopRequested):
        attempt_here(run, stop_at=4)
    assert [step for step, _ in texts(run, "samples/1")] == [0]
    attempt_here(run)
    assert [step for step, _ in texts(run, "samples/1")] == [0, 4, 8, 12]


def test_without_steps_of_their_own_samples_come_with_the_evaluations(make_run: MakeRun) -> None:
    run = make_run(training={"eval_steps": 6}, samples=SAMPLES | {"every_steps": None})
    attempt_here(run)
    assert [step for step, _ in texts(run, "samples/1")] == [0, 6, 12]


def test_a_prompt_that_the_template_refuses_is_told_before_training() -> None:
    class Refusing:
        chat_template = "x"

        def apply_chat_template(self, *_: Any, **__: Any) -> str:
            raise ValueError("no system prompts here")

    with pytest.raises(ChatTemplateUnsuitable) as caught:
        encoded(Refusing(), SamplePrompt(user="Hello"), 1)  # type: ignore[arg-type]
    assert "sample prompt 1" in str(caught.value)
