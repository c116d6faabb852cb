"""Engine: one base model in memory, some adapters on it or trained weights in it, and the answers of all of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, Done, Progress, Token
from backend.inference.adapter_files import Mark, holds_trained_weights, mark
from backend.inference.generation import generate
from backend.inference.loading import BaseKey, free_memory, load_base, load_tokenizer, weights_bytes
from backend.inference.prompt import prompt_ids, template_of
from backend.inference.trained_weights import names_in, put_into

if TYPE_CHECKING:
    from peft import PeftModel

Say = Callable[[ChatEvent], None]
MOST_ADAPTERS = 4  # one more than a page shows; each takes memory


class _Stopped(Exception):
    """Nobody wants the answer any more."""


@dataclass(frozen=True, slots=True)
class _Worn:
    """An adapter on the model, by the name that peft knows, and the tokenizer that was saved with it.

    Or trained weights in the model, of which peft knows nothing.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase | None


@dataclass(slots=True)
class _Loaded:
    """peft puts its layers into `base`, so `adapted` is the same model; `is_pure`: its weights are still its.

    An adapter that changes the base is the only one in `worn`, and so are trained weights; `replaced` names those
    of the base that they took the place of.
    """

    key: BaseKey
    base: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapted: "PeftModel | None" = None
    worn: dict[Mark, _Worn] = field(default_factory=dict)
    is_pure: bool = True
    replaced: frozenset[str] = frozenset()
    num_put_on: int = 0

    def can_become(self, wanted: Mark | None) -> bool:
        """Whether it needs no loading for that: its weights are the base's, or all that are not are replaced again."""
        if self.is_pure or wanted in self.worn:
            return True
        if wanted is None or not self.replaced:
            return False
        folder = Path(wanted[0])
        return holds_trained_weights(folder) and self.replaced <= names_in(folder)


class Engine:
    """Base and adapters share the weights, unless an adapter changes them: then it has them for itself."""

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def answer(self, request: ChatRequest, say: Say, is_stopped: Callable[[], bool]) -> None:
        """Say Progress, Tokens and Done. Raises StudioError, or what torch raises when memory is short."""

        def check() -> None:
            if is_stopped():
                raise _Stopped

        wanted = mark(Path(request.adapter)) if request.adapter is not None else None
        try:
            loaded = self._prepared(request, wanted, say, check)
            check()
        except _Stopped:
            say(Done(0, 0.0, "stopped"))
            return
        worn = loaded.worn[wanted] if wanted is not None else None
        tokenizer = (worn.tokenizer if worn else None) or loaded.tokenizer
        template, whose = template_of(tokenizer, loaded.tokenizer, request.template)
        say(Progress(ChatPhase.READING, whose))
        with _as_asked(loaded, worn) as model:
            answered = generate(
                model,
                tokenizer,
                prompt_ids(tokenizer, template, request.messages),
                request.sampling,
                say=lambda text, num_tokens: say(Token(text, num_tokens)),
                is_stopped=is_stopped,
            )
        say(Done(answered.num_tokens, answered.seconds, answered.finish_reason, answered.first_token_seconds))

    def unload(self) -> None:
        """Free the model's memory."""
        self._loaded = None
        free_memory()

    def _prepared(self, request: ChatRequest, wanted: Mark | None, say: Say, check: Callable[[], None]) -> _Loaded:
        """The base model with the adapter that was asked for, if any, with as little loading as possible."""
        loaded = self._base(BaseKey.of(request), wanted, say, check)
        if wanted is not None and wanted not in loaded.worn:
            say(Progress(ChatPhase.ADAPTING, Path(wanted[0]).name))
            change = self._replace if holds_trained_weights(Path(wanted[0])) else self._adapt
            change(loaded, Path(wanted[0]), wanted)
        return loaded

    def _base(self, key: BaseKey, wanted: Mark | None, say: Say, check: Callable[[], None]) -> _Loaded:
        loaded = self._loaded
        if loaded is not None and loaded.key == key and loaded.can_become(wanted):
            return loaded
        del loaded
        self.unload()
        name = Path(key.choice.path).name
        say(Progress(ChatPhase.LOADING, name))
        base, tokenizer = load_base(key, check)
        self._loaded = _Loaded(key, base, tokenizer)
        say(Progress(ChatPhase.LOADED, name, weights_bytes(base), str(base.device)))
        return self._loaded

    def _replace(self, loaded: _Loaded, folder: Path, wanted: Mark) -> None:
        """Put trained weights in place of the base's. If that fails, nothing stays loaded."""
        self._loaded = None
        if loaded.adapted is not None:
            from backend.inference.adapters import take_off  # noqa: PLC0415 - slow: peft

            loaded.base, loaded.adapted = take_off(loaded.adapted), None
        loaded.replaced = put_into(loaded.base, folder)
        loaded.is_pure = False
        loaded.worn = {wanted: _Worn("", load_tokenizer(folder))}
        self._loaded = loaded

    def _adapt(self, loaded: _Loaded, folder: Path, wanted: Mark) -> None:
        """Add an adapter. If that fails, nothing stays loaded that could be half of each."""
        from backend.inference.adapters import is_harmless, put_beside, put_on, take_off  # noqa: PLC0415 - slow: peft

        self._loaded = None
        tokenizer = load_tokenizer(folder)
        loaded.num_put_on += 1
        name = f"side-{loaded.num_put_on}"
        if loaded.adapted is not None and not is_harmless(folder):
            loaded.base, loaded.adapted = take_off(loaded.adapted), None
            loaded.worn.clear()
        if loaded.adapted is None:
            loaded.adapted, loaded.is_pure = put_on(loaded.base, folder, name)
        else:
            _make_room(loaded, loaded.adapted, wanted)
            put_beside(loaded.adapted, folder, name)
        loaded.worn[wanted] = _Worn(name, tokenizer)
        self._loaded = loaded


def _make_room(loaded: _Loaded, adapted: "PeftModel", wanted: Mark) -> None:
    """Take off what the folder held before, and the oldest adapters if there are too many."""
    stale = [known for known in loaded.worn if known[0] == wanted[0]]
    others = [known for known in loaded.worn if known not in stale]
    for known in [*stale, *others[: max(0, len(others) - MOST_ADAPTERS + 1)]]:
        adapted.delete_adapter(loaded.worn.pop(known).name)


@contextmanager
def _as_asked(loaded: _Loaded, worn: _Worn | None) -> Iterator["PreTrainedModel | PeftModel"]:
    """The model with one of its adapters at work, or none."""
    if loaded.adapted is None:
        yield loaded.base
    elif worn is None:
        with loaded.adapted.disable_adapter():
            yield loaded.adapted
    else:
        loaded.adapted.set_adapter(worn.name)
        yield loaded.adapted
