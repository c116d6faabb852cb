"""Engine: one base model in memory, at most one adapter on it, and the answers of both."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, Done, Progress, Token
from backend.inference.adapter_files import Mark, mark
from backend.inference.generation import generate
from backend.inference.loading import BaseKey, free_memory, load_base, load_tokenizer
from backend.inference.prompt import prompt_ids

if TYPE_CHECKING:
    from peft import PeftModel

Say = Callable[[ChatEvent], None]


class _Stopped(Exception):
    """Nobody wants the answer any more."""


@dataclass(slots=True)
class _Loaded:
    """peft puts its layers into `base`, so `adapted` is the same model; `is_pure`: its weights are still its."""

    key: BaseKey
    base: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapter: Mark | None = None
    adapted: "PeftModel | None" = None
    adapter_tokenizer: PreTrainedTokenizerBase | None = None
    is_pure: bool = True


class Engine:
    """Base and adapter share the weights, unless the adapter changes them: then it has them for itself."""

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def answer(self, request: ChatRequest, say: Say, is_stopped: Callable[[], bool]) -> None:
        """Say Progress, Tokens and Done. Raises StudioError, or what torch raises when memory is short."""

        def check() -> None:
            if is_stopped():
                raise _Stopped

        try:
            loaded = self._prepared(request, say, check)
            check()
        except _Stopped:
            say(Done(0, 0.0, "stopped"))
            return
        say(Progress(ChatPhase.READING))
        with _as_asked(loaded, is_base=request.adapter is None) as model:
            tokenizer = (loaded.adapter_tokenizer if request.adapter else None) or loaded.tokenizer
            ids = prompt_ids(tokenizer, loaded.tokenizer, request.messages)
            begin = time.perf_counter()
            answered = generate(
                model,
                tokenizer,
                ids,
                request.sampling,
                say=lambda text, num_tokens: say(Token(text, num_tokens)),
                is_stopped=is_stopped,
            )
        say(Done(answered.num_tokens, round(time.perf_counter() - begin, 6), answered.finish_reason))

    def unload(self) -> None:
        """Free the model's memory."""
        self._loaded = None
        free_memory()

    def _prepared(self, request: ChatRequest, say: Say, check: Callable[[], None]) -> _Loaded:
        """The base model with the adapter that was asked for, if any, with as little loading as possible."""
        folder = Path(request.adapter) if request.adapter is not None else None
        wanted = mark(folder) if folder is not None else None
        loaded = self._base(BaseKey.of(request), wanted, say, check)
        if folder is not None and wanted != loaded.adapter:
            say(Progress(ChatPhase.ADAPTING, folder.name))
            self._adapt(loaded, folder, wanted)
        return loaded

    def _base(self, key: BaseKey, wanted: Mark | None, say: Say, check: Callable[[], None]) -> _Loaded:
        loaded = self._loaded
        if loaded is not None and loaded.key == key and (loaded.is_pure or loaded.adapter == wanted):
            return loaded
        del loaded
        self.unload()
        say(Progress(ChatPhase.LOADING, Path(key.choice.path).name))
        self._loaded = _Loaded(key, *load_base(key, check))
        return self._loaded

    def _adapt(self, loaded: _Loaded, folder: Path, wanted: Mark | None) -> None:
        """Replace the adapter. If that fails, nothing stays loaded that could be half of each."""
        from backend.inference.adapters import put_on, take_off  # noqa: PLC0415 - peft, slow, is for tuned answers

        self._loaded = None
        if loaded.adapted is not None:
            loaded.base = take_off(loaded.adapted)
        loaded.adapter_tokenizer = load_tokenizer(folder)
        loaded.adapted, loaded.is_pure = put_on(loaded.base, folder)
        loaded.adapter = wanted
        self._loaded = loaded


@contextmanager
def _as_asked(loaded: _Loaded, *, is_base: bool) -> Iterator["PreTrainedModel | PeftModel"]:
    """The model with its adapter at work, or not."""
    if loaded.adapted is None:
        yield loaded.base
    elif is_base:
        with loaded.adapted.disable_adapter():
            yield loaded.adapted
    else:
        yield loaded.adapted
