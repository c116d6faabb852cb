"""What `scripts/bench faults` inflicts, each fault once: real supervisors survive it, and nothing is left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.benchmarks.faults import trainer_faults
from scripts.benchmarks.faults.catalogue import FAULTS
from scripts.benchmarks.faults.kills import VICTIMS, Course, kill_in_training, make_course
from scripts.benchmarks.faults.playing import play
from scripts.benchmarks.faults.training_faults import training_faults
from scripts.benchmarks.faults.trial import Fault, Trial
from tests.fakes.forked_programs import Forks

pytestmark = pytest.mark.process
LONG_KILLS_EACH = 30


@pytest.fixture(scope="module")
def training_forks() -> Iterator[Forks]:
    forks = Forks("real")
    yield forks
    forks.close()


@pytest.fixture(scope="module")
def course(training_forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("course"), training_forks)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_survived(fault: Fault, forks: Forks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_faults, "HANG_SECONDS", 6.0)  # machines that test are busy: all are silent at times
    assert_passed(play(fault, tmp_path / "trial", forks))


@pytest.mark.training
@pytest.mark.parametrize("victims", VICTIMS, ids="-and-".join)
def test_a_training_whose_programs_are_killed_ends_with_the_same_bits(
    victims: tuple[str, ...], training_forks: Forks, course: Course, tmp_path: Path
) -> None:
    trial = play(kill(victims, course), tmp_path / "trial", training_forks)
    assert_passed(trial)
    assert trial.num_equal == trial.num_compared > 0
    assert trial.num_kills >= len(victims)


@pytest.mark.training
@pytest.mark.long
@pytest.mark.parametrize("victims", VICTIMS, ids="-and-".join)
def test_many_trainings_whose_programs_are_killed_end_with_the_same_bits(
    victims: tuple[str, ...], training_forks: Forks, course: Course, tmp_path: Path
) -> None:
    for number in range(LONG_KILLS_EACH):
        assert_passed(play(kill(victims, course), tmp_path / f"trial-{number}", training_forks))


@pytest.mark.training
@pytest.mark.parametrize("name", ["pause-and-kill", "disk-full"])
def test_a_fault_costs_a_training_no_bit(name: str, training_forks: Forks, course: Course, tmp_path: Path) -> None:
    fault = next(fault for fault in training_faults(course) if fault.name == name)
    assert_passed(play(fault, tmp_path / "trial", training_forks))


def kill(victims: tuple[str, ...], course: Course) -> Fault:
    def inflict(scene: Any) -> str:
        return kill_in_training(scene, course=course, victims=victims)

    return Fault("killed", "kill -9", inflict)


def assert_passed(trial: Trial) -> None:
    if trial.not_run:
        pytest.skip(trial.not_run)
    assert not trial.problems, "\n".join(trial.problems)
    assert trial.sees, "nobody is told"
    assert (trial.num_orphans, trial.num_zombies, trial.num_double_starts) == (0, 0, 0)
