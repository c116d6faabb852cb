"""From prompt tokens to an answer, token by token."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from backend.domain.chat import FinishReason, Sampling
from backend.inference.detokenizer import Detokenizer
from backend.inference.errors import PromptTooLong
from backend.inference.stop_strings import StopStrings

if TYPE_CHECKING:
    from peft import PeftModel

Model: TypeAlias = "PreTrainedModel | PeftModel"


@dataclass(frozen=True, slots=True)
class Answered:
    """How an answer ended, and how long it took; `num_tokens` includes an end token.

    `first_token_seconds` runs from the prompt's tokens to the first new one, which includes reading the prompt.
    """

    num_tokens: int
    finish_reason: FinishReason
    seconds: float
    first_token_seconds: float | None


def generate(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    ids: torch.Tensor,
    sampling: Sampling,
    *,
    say: Callable[[str, int], None],
    is_stopped: Callable[[], bool],
) -> Answered:
    """Continue `ids` of shape [1, n]; `say` gets each piece of text and the number of tokens so far.

    Raises PromptTooLong.
    """
    room = _room(model, ids.shape[1])
    config = _config(model, tokenizer, sampling, room)
    stops = StopStrings(sampling.stop)
    begin = time.perf_counter()
    streamer = _Pieces(tokenizer, stops, say)
    torch.manual_seed(sampling.seed)
    ids = ids.to(model.device)
    output = model.generate(  # type: ignore[operator]  # known to torch's Module.__getattr__ only
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        generation_config=config,
        streamer=streamer,
        stopping_criteria=StoppingCriteriaList([_Stop(lambda: stops.is_found or is_stopped())]),
    )
    new = output[0, ids.shape[1] :].tolist()
    is_limit = len(new) >= config.max_new_tokens
    reason: FinishReason = "stop-string" if stops.is_found else _reason(new, config.eos_token_id, is_limit=is_limit)
    first = None if streamer.first_token_at is None else round(streamer.first_token_at - begin, 6)
    return Answered(len(new), reason, round(time.perf_counter() - begin, 6), first)


def _room(model: Model, num_prompt_tokens: int) -> int | None:
    """Tokens left for the answer, or None if the model has no limit."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if limit is None:
        return None
    if num_prompt_tokens >= limit:
        raise PromptTooLong(num_tokens=num_prompt_tokens, limit=limit)
    return int(limit) - num_prompt_tokens


def _config(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    sampling: Sampling,
    room: int | None,
) -> GenerationConfig:
    """Exactly what was asked for; what the model's author set beyond that stays."""
    length = sampling.max_new_tokens if room is None else min(sampling.max_new_tokens, room)
    ends = _end_ids(model, tokenizer)
    options: dict[str, Any] = {
        "max_new_tokens": length,
        "do_sample": sampling.temperature > 0,
        "num_beams": 1,
        "repetition_penalty": sampling.repetition_penalty,
        "eos_token_id": ends or None,
        "pad_token_id": tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(ends), 0),
    }
    if sampling.temperature > 0:
        options |= {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p or None,
        }
    return GenerationConfig(**options)  # type: ignore[no-untyped-call]  # transformers


def _end_ids(model: Model, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The model's own end tokens (often several) and the tokenizer's."""
    own = model.generation_config.eos_token_id
    ids = own if isinstance(own, list) else [own]
    return sorted({i for i in (*ids, tokenizer.eos_token_id) if i is not None})


def _reason(new: list[int], ends: list[int] | None, *, is_limit: bool) -> FinishReason:
    if new and new[-1] in (ends or ()):
        return "eos"
    return "length" if is_limit else "stopped"


def _decoded(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


class _Stop(StoppingCriteria):
    """Asks after each token whether to go on."""

    def __init__(self, is_stopped: Callable[[], bool]) -> None:
        self._is_stopped = is_stopped

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:  # noqa: ARG002 - signature of StoppingCriteria
        return torch.full((input_ids.shape[0],), self._is_stopped(), device=input_ids.device, dtype=torch.bool)


class _Pieces(BaseStreamer):
    """Receives the prompt first, then each new token."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: StopStrings, say: Callable[[str, int], None]) -> None:
        self._detokenizer = Detokenizer(lambda ids: _decoded(tokenizer, ids))
        self._stops = stops
        self._say = say
        self.first_token_at: float | None = None
        self._num_tokens: int | None = None

    def put(self, value: torch.Tensor) -> None:
        """New token ids, of any shape with one row."""
        if self._num_tokens is None:
            self._num_tokens = 0
            return
        if self.first_token_at is None:
            self.first_token_at = time.perf_counter()
        for token_id in value.flatten().tolist():
            self._num_tokens += 1
            self._pass_on(self._stops.push(self._detokenizer.push(token_id)))

    def end(self) -> None:
        """Give out what is left."""
        self._pass_on(self._stops.push(self._detokenizer.flush()) + self._stops.flush())

    def _pass_on(self, text: str) -> None:
        if text:
            self._say(text, self._num_tokens or 0)
