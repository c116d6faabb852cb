"""A workspace in which every view has something to show; with words of a stranger in all of it, if wanted."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from backend.containers import StudioContainer, build_container
from backend.domain.actions import replace_draft
from backend.domain.chat_sides import BASE, Side, Subject
from backend.domain.conversation import Answer, Conversation, Failure
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import Attempt, JournalLine, Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors.lock_file import take, write_identity
from backend.executors.process_table import identify
from backend.store.run_files import LocalRunFiles
from config.settings import Settings
from config.yaml_files import dump_yaml
from tests.fakes.model_folders import LLAMA, a_model
from tests.fakes.run_configs import SMALL
from tests.fakes.told_runs import losses, write_events

STEPS = 100
WORDS = "All is well"
FAILED_ANSWER = "chat-failed"  # the id of the error that is kept in a conversation


@dataclass(frozen=True)
class Content:
    """What the tests ask the views for."""

    finished: tuple[str, ...]
    live: str
    dataset: str
    model: str
    logs: Path
    workspace: Path

    def query(self, url_path: str) -> str:
        """With what a view is opened to show most."""
        return {
            "monitor": f"run={self.finished[0]}",
            "compare": "&".join(f"runs={run}" for run in self.finished),
            "curves": "&".join(f"runs=run:{run}" for run in (*self.finished, self.live)),
            "chat": f"run={self.finished[0]}",
            "datasets": f"dataset={self.dataset}",
            "models": f"model={self.model}",
            "errors": "error=out-of-memory",
        }.get(url_path, "")


@contextmanager
def full_studio(workspace: Path, words: str = WORDS) -> Iterator[Content]:
    """Runs in every state, one of them live as long as the block lasts; what else there can be; all pages switched on.

    `words` stands in names, tags, notes, messages, journals, logs, rows, questions, answers, settings, models and tags
    of curves.
    """
    studio = build_container(Settings(workspace=workspace))
    maker = _Maker(studio, words)
    finished = (maker.finished(0), maker.finished(1))
    maker.rested("failed", RunState.FAILED, Wish.STOP, error_id="out-of-memory")
    maker.rested("paused", RunState.PAUSED, Wish.PAUSE)
    maker.rested("stopped", RunState.STOPPED, Wish.STOP)
    lock = maker.live()
    maker.rested("waiting", RunState.QUEUED, Wish.RUN, attempts=(), queued_at=maker.now)
    others = workspace.parent / "others"
    logs, model = maker.log_directory(others / "logs"), maker.model(others / "models")
    content = Content(finished, "live-run", maker.dataset(others / "rows"), model, logs, workspace)
    maker.draft(content.dataset)
    maker.settings()
    studio.shutdown_resources()
    try:
        yield content
    finally:
        os.close(lock)


class _Maker:
    def __init__(self, studio: StudioContainer, words: str) -> None:
        self.studio, self.words = studio, words
        self.store, self.services = studio.store(), studio.services()
        self.now = datetime.now(UTC).replace(microsecond=0)

    def finished(self, number: int) -> str:
        run = self.rested(f"done-{number}", RunState.FINISHED, Wish.STOP, seed=number)
        folder = RunDirectory(run.run_dir)
        folder.adapter.mkdir()
        config = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": self.words}
        (folder.adapter / "adapter_config.json").write_text(json.dumps(config))
        save_file({"lora_A": np.zeros((8, 8), np.float32)}, folder.adapter / "adapter_model.safetensors")
        self._asked(run.id)
        return run.id

    def rested(self, run_id: str, state: RunState, wish: Wish, *, seed: int = 0, **facts: Any) -> Run:
        """A run that nobody works on, with an attempt that ended."""
        at = self.now - timedelta(minutes=10 + seed)
        ended = Attempt(
            1, "token", at, ended_at=at + timedelta(minutes=5), exit_code=1, last_step=STEPS, reason=self.words
        )
        run = self._run(run_id, state=state, wish=wish, created_at=at, **({"attempts": (ended,)} | facts))
        self._folder(run, seed)
        journal = [
            JournalLine(at, RunState.CREATED, RunState.STARTING, "a person started it"),
            JournalLine(at + timedelta(minutes=5), RunState.RUNNING, state, self.words, attempt=1),
        ]
        self.store.restore(run, journal)
        return run

    def live(self) -> int:
        """A run whose supervisor is said to be this process; the handle of its lock."""
        attempt = Attempt(1, "token", self.now)
        told = {"state": RunState.RUNNING, "wish": Wish.RUN, "attempts": (attempt,), "slots": ("cpu:0",)}
        run = self._run("live-run", created_at=self.now, **told)
        self._folder(run, 3)
        lock = take(RunDirectory(run.run_dir).supervisor_lock)
        identity = identify(os.getpid())
        assert lock is not None
        assert identity is not None
        write_identity(lock, identity)
        self.store.restore(run, ())
        return lock

    def dataset(self, folder: Path) -> str:
        """Rows with the words in them, also as the name of a column; an uploaded file, a preset with it, and another
        one where it lies, whose path is told."""
        rows = [{"prompt": f"{self.words} {i}", "completion": f"{self.words} {i * i}"} for i in range(30)]
        stored = self.services.datasets.upload("rows.jsonl", BytesIO(_lines(rows).encode()))
        order = SMALL | {"name": "kept", "dataset": stored.path}
        self.services.configs.save_preset("kept", RunConfig.model_validate(order))
        folder.mkdir(parents=True)
        (folder / "registered.jsonl").write_text(_lines([row | {self.words: self.words} for row in rows]))
        return self.services.dataset_desk.registry.add(str(folder / "registered.jsonl"))

    def model(self, folder: Path) -> str:
        """A base model that tells of itself in the words."""
        readme = f"---\nlicense: {json.dumps(self.words)}\n---\n{self.words}\n"
        found = a_model(folder / "tiny", LLAMA | {"architectures": [self.words]}, README__md=readme)
        self.services.models.add_folder(str(folder))
        return str(found)

    def settings(self) -> None:
        """The page for developers is switched on, and the file has a key that no setting has."""
        settings = self.services.settings
        settings.set("flags.developer", True)
        settings.file().write_text(f"{json.dumps(self.words)} = 1\n{settings.file().read_text()}")

    def draft(self, dataset: str) -> None:
        """What new sessions find in the form."""
        model = "demo" if self.words == WORDS else self.words
        draft = {"base_model": {"path": model}, "dataset": {"path": dataset}}
        self.services.states.of("somebody").update_state(replace_draft(draft))

    def log_directory(self, folder: Path) -> Path:
        """Event files of another program."""
        place = RunDirectory(folder / "elsewhere")
        place.root.mkdir(parents=True)
        write_events(place, losses(0.3, 20), {})
        self.services.sources.add_directory(str(folder))
        return folder

    def _asked(self, run_id: str) -> None:
        """A conversation in which one side answered and the other could not."""
        words, mine = self.words, Side(run_id).address
        answer = Answer(text=words, num_tokens=8, seconds=2.0, first_token_seconds=0.5, finish="eos", template=words)
        failed = Answer(text=words, failure=Failure(id=FAILED_ANSWER, what=words, why=words, fix=words, at="now"))

        def ask(old: Conversation) -> Conversation:
            new = old.model_copy(update={"system": words}).asked(words, 7, {mine: words, BASE: words})
            return new.answered(mine, answer).answered(BASE, failed)

        self.services.chat_desk.conversations.change(Subject(run_id), ask)

    def _run(self, run_id: str, **facts: Any) -> Run:
        run = Run(
            id=run_id,
            name=f"{self.words} {run_id}",
            run_dir=self.studio.settings().runs_folder / run_id,
            state=RunState.FINISHED,
            wish=Wish.STOP,
            created_at=self.now,
            updated_at=self.now,
            message=self.words,
            method="lora",
            base_model=self.words,
            dataset=self.words,
            notes=self.words,
            tags=("keep", self.words[:50]),
        )
        return replace(run, **facts)

    def _folder(self, run: Run, seed: int) -> None:
        folder = RunDirectory(run.run_dir)
        order = {"name": run.name[:60], "base_model": self.words, "dataset": self.words, "training": {"seed": seed}}
        LocalRunFiles().create(folder.root, dump_yaml(order))
        points = losses(0.4 + 0.1 * seed, STEPS, seed=seed)
        for step in points:
            points[step] |= {f"own/{self.words}": float(step)}
        texts = {step: {"samples/1": f"> {self.words}\n\n{self.words}"} for step in (0, STEPS)}
        write_events(folder, points, texts)
        folder.log(1).write_text("".join(f"step {step}: {self.words}\n" for step in range(1, 30)))
        beat = Heartbeat("token", 1, 1, Phase.TRAINING, STEPS, 2 * STEPS, self.now.timestamp(), seconds_per_step=1.5)
        folder.heartbeat.write_text(beat.to_json())


def _lines(rows: Sequence[Mapping[str, str]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)
