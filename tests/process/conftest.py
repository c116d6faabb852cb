from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.forked_programs import Forks
from tests.process.lab import Lab

# files whose supervisors and trainers are forks: what they do is the point, how they are started is that of the others
FORKED = ("test_other_orders", "test_pausing", "test_queue", "test_reboot", "test_supervision")


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts supervisors and misbehaving trainers in milliseconds."""
    forks = Forks("misbehaving")
    yield forks
    forks.close()


@pytest.fixture
def make_lab(workspace: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Lab]]:
    """Labs with settings of their own, closed with everything they started."""
    labs: list[Lab] = []
    forks = request.getfixturevalue("forks") if request.path.stem in FORKED else None

    def make(**settings: str) -> Lab:
        workspace.mkdir(exist_ok=True)
        environment = {f"PEFT_STUDIO_{name.upper()}": value for name, value in settings.items()}
        labs.append(Lab(workspace, environment, forks=forks))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()
