"""Answers to fixed prompts while training, so that people see what is learned."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jinja2 import TemplateError
from pydantic import JsonValue
from transformers import GenerationConfig, PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList

from backend.domain.run_config import RunConfig
from backend.domain.sampling import SamplePrompt
from backend.trainer import ranks
from backend.trainer.curves import EventFile
from backend.trainer.errors import ChatTemplateUnsuitable
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.randomness import undisturbed
from backend.trainer.say import say
from backend.trainer.stop import StopFlag
from backend.trainer.watching import State, Watcher

SHOWN_CHARACTERS = 200  # of an answer, in the log


class Sampler(Watcher):
    """Answers all prompts before the first step, every so many steps, and after the last one.

    It leaves every random state and every module's mode as it was, so that training with samples gives the
    same bits as without. A request to stop breaks it off; what is missing then is taken by the attempt that
    resumes there.
    """

    name = "samples"

    def __init__(
        self,
        config: RunConfig,
        model: torch.nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        events: EventFile,
        heartbeat: HeartbeatWriter,
        stop: StopFlag,
    ) -> None:
        training, samples = config.training, config.samples
        self._every = samples.every_steps or training.eval_steps or training.save_steps
        self._seed = training.seed
        self._prompts = samples.asked()
        self._encoded = [encoded(tokenizer, prompt, number) for number, prompt in enumerate(self._prompts, 1)]
        self._model: Any = model
        self._tokenizer = tokenizer
        self._options = _options(model, tokenizer, samples.max_new_tokens, samples.temperature)
        self._events = events
        self._watch = StoppingCriteriaList([_Attentive(heartbeat, stop)])
        self._stop = stop
        self._taken_at: int | None = None

    def began(self, step: int, last: int) -> None:
        """The answers of the untouched model, or those that a stop broke off."""
        self.at_rest(step, last)

    def at_rest(self, step: int, last: int) -> None:
        """Take them, if it is time."""
        if self._taken_at == step or (step % self._every and step != last):
            return
        answers = self._answers() if ranks.is_first() else []
        if self._stop.is_requested:
            return
        self._taken_at = step
        texts = {
            f"samples/{number}": f"{_quoted(prompt)}\n\n{answer}"
            for number, (prompt, answer) in enumerate(zip(self._prompts, answers, strict=False), 1)
        }
        if texts:
            self._events.add_text(step, texts)
        for number, answer in enumerate(answers, 1):
            say(f"step {step} sample {number}: {' '.join(answer.split())[:SHOWN_CHARACTERS]}")

    def state(self) -> State:
        """At which step the newest ones were taken."""
        return {"taken_at": self._taken_at}

    def restore(self, state: Mapping[str, JsonValue]) -> None:
        """Do not take them twice."""
        taken = state.get("taken_at")
        self._taken_at = taken if isinstance(taken, int) else None

    def _answers(self) -> list[str]:
        """One answer for each prompt; fewer, if somebody asked to stop."""
        answers = []
        with evaluating(self._model), undisturbed(self._seed):
            for ids in self._encoded:
                if self._stop.is_requested:
                    break
                inputs = torch.tensor([ids], device=self._model.device)
                found = self._model.generate(
                    input_ids=inputs,
                    attention_mask=torch.ones_like(inputs),
                    generation_config=self._options,
                    stopping_criteria=self._watch,
                )
                answers.append(str(self._tokenizer.decode(found[0, len(ids) :], skip_special_tokens=True)))
        return answers


class _Attentive(StoppingCriteria):
    """A sign of life with each token, and an end on request."""

    def __init__(self, heartbeat: HeartbeatWriter, stop: StopFlag) -> None:
        self._heartbeat = heartbeat
        self._stop = stop

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: object) -> Any:  # noqa: ANN401, ARG002
        self._heartbeat.beat(detail="answering the sample prompts")
        return torch.full((len(input_ids),), self._stop.is_requested, device=input_ids.device)


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards each module has the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def encoded(tokenizer: PreTrainedTokenizerBase, prompt: SamplePrompt, number: int) -> list[int]:
    """The prompt as the model reads it: by its chat template, or as plain text. Raises ChatTemplateUnsuitable."""
    if not tokenizer.chat_template:
        text = f"{prompt.system}\n\n{prompt.user}" if prompt.system else prompt.user
        return _ids(tokenizer(text)["input_ids"])
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    turns = [*system, {"role": "user", "content": prompt.user}]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except (TemplateError, ValueError, TypeError, IndexError) as error:
        raise ChatTemplateUnsuitable(row=f"sample prompt {number}", why=f"It says: {error}.") from error
    return _ids(tokenizer(text, add_special_tokens=False)["input_ids"])


def _ids(found: Any) -> list[int]:  # noqa: ANN401 - transformers types it as a union
    return [int(number) for number in found]


def _options(
    model: Any,  # noqa: ANN401 - a peft model has what its base has
    tokenizer: PreTrainedTokenizerBase,
    max_new_tokens: int,
    temperature: float,
) -> GenerationConfig:
    """Nothing of the model's own taste but where its answers end."""
    own = getattr(model, "generation_config", None)
    ends = getattr(own, "eos_token_id", None) or tokenizer.eos_token_id
    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    pad: Any = tokenizer.pad_token_id
    end = ends[0] if isinstance(ends, list) else ends
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_new_tokens,
        use_cache=True,
        eos_token_id=ends,
        pad_token_id=pad if pad is not None else end,
        **drawn,
    )


def _quoted(prompt: SamplePrompt) -> str:
    text = f"{prompt.system}\n\n{prompt.user}" if prompt.system else prompt.user
    return "\n".join(f"> {line}" for line in text.splitlines())
