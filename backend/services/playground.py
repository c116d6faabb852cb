"""Playground: asking the base model and a run's tuned model the same question, and what they answered."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest, Sampling
from backend.domain.ports import RunStore
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.services.chat import ChatService
from backend.services.errors import AdapterUnreadable, NoAnswerYet
from config.yaml_files import YamlError, read_yaml

Side = Literal["base", "tuned"]
SIDES: tuple[Side, Side] = ("base", "tuned")
MAX_EXCHANGES = 50


@dataclass(frozen=True, slots=True)
class Pair:
    """A base model and what a run made of it: an adapter on top of it, or a whole model."""

    run_id: str
    base_model: str
    adapter: Path | None
    model: Path | None
    config: RunConfig

    def request(self, side: Side, messages: Sequence[ChatMessage], sampling: Sampling) -> ChatRequest:
        """The question to one side."""
        whole = str(self.model) if self.model is not None and side == "tuned" else None
        return ChatRequest(
            base_model=whole or self.base_model,
            adapter=str(self.adapter) if self.adapter is not None and side == "tuned" else None,
            revision=None if whole else self.config.base_model.revision,
            trusted_code=self.config.base_model.trusted_code,
            quantization=self.config.quantization,
            precision=self.config.training.precision,
            messages=tuple(messages),
            sampling=sampling,
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what each side said; `base` is None if only the tuned model was asked."""

    question: str
    base: str | None
    tuned: str


class Playground:
    """Turns a run into chat requests; the answering is the ChatService's."""

    def __init__(self, store: RunStore, chat: ChatService) -> None:
        self._store = store
        self._chat = chat

    def pair(self, run_id: str) -> Pair:
        """What can be asked about a run. Raises NoAnswerYet if it has no adapter, AdapterUnreadable."""
        run = self._store.get(run_id)
        folder = RunDirectory(run.run_dir)
        has_adapter = (folder.adapter / "adapter_model.safetensors").is_file()
        if not has_adapter and not (folder.model / "config.json").is_file():
            raise NoAnswerYet(run_id=run_id, state=run.state.value)
        try:
            config = RunConfig.model_validate(read_yaml(folder.config))
            if has_adapter:
                return Pair(run_id, _base_model(folder.adapter), folder.adapter, None, config)
            return Pair(run_id, _named_base(config, folder), None, folder.model, config)
        except (OSError, YamlError, ValueError, KeyError, TypeError) as error:
            raise AdapterUnreadable(folder=folder.root, reason=type(error).__name__) from error

    def ask(self, run_id: str, side: Side, messages: Sequence[ChatMessage], sampling: Sampling) -> Iterator[ChatEvent]:
        """Stream the answer of one side."""
        return self._chat.generate(self.pair(run_id).request(side, messages, sampling))

    def history(self, run_id: str) -> tuple[Exchange, ...]:
        """What was asked about a run so far, oldest first; survives a reload and a restart."""
        text = self._store.load_draft(_key(run_id))
        try:
            return tuple(Exchange(**entry) for entry in json.loads(text)) if text else ()
        except (ValueError, TypeError):
            return ()

    def remember(self, run_id: str, exchange: Exchange) -> None:
        """Add to the history; only the newest MAX_EXCHANGES are kept."""
        kept = (*self.history(run_id), exchange)[-MAX_EXCHANGES:]
        self._store.save_draft(_key(run_id), json.dumps([asdict(entry) for entry in kept]))

    def forget(self, run_id: str) -> None:
        """Clear the history of a run."""
        self._store.save_draft(_key(run_id), "[]")


def _key(run_id: str) -> str:
    return f"chat:{run_id}"


def _named_base(config: RunConfig, run: RunDirectory) -> str:
    """The base that run.yaml names; a relative folder is one beside run.yaml, as the trainer reads it."""
    folder = run.root / Path(config.base_model.path).expanduser()
    return str(folder.resolve()) if folder.is_dir() else config.base_model.path


def _base_model(adapter: Path) -> str:
    """The base that the adapter was really trained on, as peft wrote it."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return str(config["base_model_name_or_path"])
