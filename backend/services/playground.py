"""Playground: turns a run, its checkpoints and their base model into questions for the chat program."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest
from backend.domain.chat_sides import Side, Subject
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.methods.base import TASKS
from backend.methods.whole import TRAINED
from backend.quantization import Fp4, Int8, Nf4, NoQuantization, Quantization
from backend.services.chat import ChatService
from backend.services.chat_errors import BaseMismatch, CheckpointGone, GivesScores
from backend.services.errors import AdapterUnreadable, NoAnswerYet
from backend.store.checkpoints import sealed
from backend.store.files import read_bounded
from config.catalog import DEMO_MODEL
from config.yaml_files import YamlError, read_yaml

MOST_CONFIG_BYTES = 20_000_000
WEIGHTS = "adapter_model.safetensors"
FORMATS: dict[str, Quantization] = {"none": NoQuantization(), "nf4": Nf4(), "fp4": Fp4(), "int8": Int8()}


@dataclass(frozen=True, slots=True)
class Ground:
    """A model and how a run was told to load it: the base that all sides stand on, or one that a side has alone."""

    base_model: str
    revision: str | None = None
    trusted_code: str | None = None
    quantization: Quantization = FORMATS["none"]
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"


@dataclass(frozen=True, slots=True)
class _Weights:
    """What a run made of `base`, as it was trained on.

    An adapter is put on what the others stand on. Who trained the model's own weights has a model for itself, `own`:
    the result, or the base with the weights of a checkpoint, which `adapter` names then.
    """

    base: str
    adapter: Path | None = None
    own: Ground | None = None
    gives_scores: bool = False


class Playground:
    """Says what is asked of whom; the answering is the ChatService's."""

    def __init__(self, store: RunStore, chat: ChatService) -> None:
        self._store = store
        self._chat = chat

    def ask(
        self, subject: Subject, side: Side, messages: Sequence[ChatMessage], settings: ChatSettings
    ) -> Iterator[ChatEvent]:
        """Stream the answer of one side. Raises as `request`."""
        return self._chat.generate(self.request(subject, side, messages, settings))

    def request(
        self, subject: Subject, side: Side, messages: Sequence[ChatMessage], settings: ChatSettings
    ) -> ChatRequest:
        """The question to one side.

        Raises NoAnswerYet if a run has no result, CheckpointGone, GivesScores, AdapterUnreadable, BaseMismatch,
        RunNotFound.
        """
        ground = self.ground(subject)
        weights = self._fitting(ground, side)
        adapter = weights.adapter if weights is not None else None
        ground = (weights.own if weights is not None else None) or ground
        return ChatRequest(
            base_model=ground.base_model,
            adapter=str(adapter) if adapter is not None else None,
            revision=ground.revision,
            trusted_code=ground.trusted_code,
            quantization=FORMATS.get(settings.quantization, ground.quantization),
            precision=ground.precision,
            device=settings.device,
            template=settings.template,
            messages=tuple(messages),
            sampling=settings.sampling,
        )

    def check(self, subject: Subject, side: Side) -> None:
        """Whether a side can sit beside a subject. Raises as `request`."""
        self._fitting(self.ground(subject), side)

    def ground(self, subject: Subject) -> Ground:
        """What the sides of a subject stand on. Raises as `request`."""
        if subject.run_id is None:
            return Ground(subject.model or "")
        run = self._store.get(subject.run_id)
        config = _config(run)
        steps = self.steps(run.id)
        has_result = _has_result(RunDirectory(run.run_dir))
        weights = self._weights(Side(run.id, None if has_result or not steps else steps[0]))
        return _ground(config, weights.base)

    def steps(self, run_id: str) -> tuple[int, ...]:
        """The steps of the run's sealed checkpoints that hold weights, newest first. Raises RunNotFound."""
        found = sealed(RunDirectory(self._store.get(run_id).run_dir).checkpoints)
        return tuple(
            checkpoint.step
            for checkpoint in found
            if (checkpoint.path / WEIGHTS).is_file() or (checkpoint.path / TRAINED).is_file()
        )

    def can_ask(self, run_id: str) -> bool:
        """Whether a run has a result, or a checkpoint with weights. Raises RunNotFound."""
        return _has_result(RunDirectory(self._store.get(run_id).run_dir)) or bool(self.steps(run_id))

    def _fitting(self, ground: Ground, side: Side) -> _Weights | None:
        if side.run_id is None:
            return None
        weights = self._weights(side)
        if not _is_same(weights.base, ground.base_model):
            raise BaseMismatch(side=side.address, theirs=weights.base, ours=ground.base_model)
        if weights.gives_scores:
            raise GivesScores(run_id=side.run_id)
        return weights

    def _weights(self, side: Side) -> _Weights:
        assert side.run_id is not None
        run = self._store.get(side.run_id)
        folder = RunDirectory(run.run_dir)
        if side.step is not None:
            if side.step not in self.steps(run.id):
                raise CheckpointGone(step=side.step, run_id=run.id)
            found = folder.checkpoints / f"checkpoint-{side.step}"
            return _adapter(found, run) if (found / WEIGHTS).is_file() else _whole(_config(run), folder, found)
        if not _has_result(folder):
            raise NoAnswerYet(run_id=run.id, state=run.state.value)
        if (folder.adapter / WEIGHTS).is_file():
            return _adapter(folder.adapter, run)
        return _whole(_config(run), folder)


def _has_result(folder: RunDirectory) -> bool:
    return (folder.adapter / WEIGHTS).is_file() or (folder.model / "config.json").is_file()


def _whole(config: RunConfig, run: RunDirectory, checkpoint: Path | None = None) -> _Weights:
    """The result of a run that trained the model's own weights, or a checkpoint of it: as the run itself was told."""
    base = _named_base(config, run)
    own = _ground(config, base) if checkpoint else replace(_ground(config, str(run.model)), revision=None)
    return _Weights(base, checkpoint, own, gives_scores=config.recipe.head == "score")


def _ground(config: RunConfig, model: str) -> Ground:
    choice = config.base_model
    return Ground(model, choice.revision, choice.trusted_code, config.quantization, config.training.precision)


def _config(run: Run) -> RunConfig:
    try:
        return RunConfig.model_validate(read_yaml(RunDirectory(run.run_dir).config))
    except (OSError, YamlError, ValueError) as error:
        raise AdapterUnreadable(folder=run.run_dir, reason=type(error).__name__) from error


def _named_base(config: RunConfig, run: RunDirectory) -> str:
    """The base that run.yaml names; a relative folder is one beside run.yaml, as the trainer reads it."""
    folder = run.root / Path(config.base_model.path).expanduser()
    return str(folder.resolve()) if folder.is_dir() else config.base_model.path


def _adapter(adapter: Path, run: Run) -> _Weights:
    """With the base that it was really trained on, as peft wrote it."""
    try:
        config = json.loads(read_bounded(adapter / "adapter_config.json", MOST_CONFIG_BYTES))
        base = str(config["base_model_name_or_path"])
        return _Weights(base, adapter, gives_scores=config.get("task_type") == TASKS["score"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = error.strerror if isinstance(error, OSError) else None
        reason = f"adapter_config.json: {told or type(error).__name__}"
        raise AdapterUnreadable(folder=run.run_dir, reason=reason) from error


def _is_same(one: str, other: str) -> bool:
    """Whether two names mean the same base model: one hub id, or one folder however it is written."""
    if one == other:
        return True
    a, b = Path(one), Path(other)
    if one == DEMO_MODEL:  # a link beside the folder that adapters name
        a = b.parent / DEMO_MODEL
    elif other == DEMO_MODEL:
        b = a.parent / DEMO_MODEL
    return a.is_dir() and b.is_dir() and a.resolve() == b.resolve()
