"""A run that lacks memory goes on with smaller micro-batches, on exactly the rows that were left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.domain.adjustments import Adjustment, adjustments_text
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.trainer.offenders import rows_of_step
from backend.trainer.parts import Rows
from backend.trainer.recipes import sft
from config.yaml_files import dump_yaml
from tests.process.lab import Lab
from tests.training.runs import PATIENCE_SECONDS, Crash, MakeRun, Room, attempt_here

pytestmark = pytest.mark.training
FAKES = Path(__file__).parent.parent / "fakes"


class Recording(list[Any]):
    """A dataset that remembers which of its rows were fetched, from 1."""

    def __init__(self, rows: Any) -> None:
        super().__init__(rows)
        self.fetched: list[int] = []

    def __getitem__(self, index: Any) -> Any:
        self.fetched.append(index + 1)
        return super().__getitem__(index)


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[Recording]:
    """The datasets of the attempts that follow."""
    made: list[Recording] = []
    rows: Callable[..., Rows] = sft.rows

    def recorded(*parts: Any) -> Rows:
        found = rows(*parts)
        made.append(Recording(found.train))
        return Rows(made[-1], found.validation)

    monkeypatch.setattr(sft, "rows", recorded)
    return made


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    loop = sft.loop

    def kept(parts: Any) -> Any:
        made.append(loop(parts))
        return made[-1]

    monkeypatch.setattr(sft, "loop", kept)
    return made


def change(run: RunDirectory, **training: Any) -> None:
    changes = {f"training.{name}": value for name, value in training.items()}
    run.adjustments.write_text(adjustments_text((Adjustment(attempt=2, reason="less", changes=changes),)))


@pytest.mark.parametrize(("size", "accumulation"), [(3, 2), (2, 3), (1, 6)])
def test_smaller_micro_batches_go_on_at_the_same_row(
    size: int, accumulation: int, make_run: MakeRun, recordings: list[Recording], loops: list[Any]
) -> None:
    training = {"batch_size": 6, "save_steps": 4, "max_steps": 9}  # 38 rows: an epoch ends within, with a short step
    calm, hit = make_run("calm", training=training), make_run("hit", training=training)
    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=5)
    change(hit, batch_size=size, gradient_accumulation=accumulation)

    attempt_here(hit)

    whole, _, rest = (recording.fetched for recording in recordings)
    steps = [rows_of_step(loops[0], step) for step in range(1, 10)]
    learned = [row for step in steps for row in step]
    assert whole[: len(learned)] == learned
    assert len({len(step) for step in steps}) == 2, "the last step of an epoch is shorter"
    left = [row for step in steps[4:] for row in step]
    assert rest[: len(left)] == left
    assert [rows_of_step(loops[2], step) for step in range(1, 10)] == steps
    assert loops[2].state.global_step == 9


@pytest.mark.process
def test_a_trainer_that_really_lacks_memory_is_given_smaller_batches_and_finishes(room: Room, workspace: Path) -> None:
    workspace.mkdir(exist_ok=True)
    lab = Lab(workspace, {"PEFT_STUDIO_THREADS": "1"}, FAKES / "hungry_trainer.py")
    order = {
        "base_model": str(room.models["llama"]),
        "dataset": str(room.dataset),
        "training": {"batch_size": 6, "max_steps": 4, "save_steps": 2},
    }
    try:
        lab.start(order=dump_yaml(order))
        run, journal = lab.wait_for_over(seconds=2 * PATIENCE_SECONDS), lab.journal()
    finally:
        lab.close()
    folder = RunDirectory(run.run_dir)
    log = folder.log(1).read_text()
    assert (run.state, len(run.attempts), run.failures) == (RunState.FINISHED, 2, 0), log[-3000:]
    assert "DefaultCPUAllocator" in log
    made = json.loads(folder.adjustments.read_text())
    assert [line["reason"].partition("with ")[2] for line in made] == [
        "batch_size 6 -> 3, gradient_accumulation 1 -> 2",
    ]
    assert any("it goes on with batch_size 6 -> 3" in line for line in journal)
    fetched = [line.split() for line in (run.run_dir / "rows.txt").read_text().splitlines()]
    first = [row for attempt, row in fetched if attempt == "1"]
    last = [row for attempt, row in fetched if attempt == "2"]
    assert last[:6] == first[:6]
    assert len(set(last[:24])) == 24, "four steps of six rows each"
    assert "4 of 6 rows" in (folder.adapter / "README.md").read_text()
