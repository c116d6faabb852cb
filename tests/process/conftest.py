from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.lab import Lab


@pytest.fixture
def make_lab(workspace: Path) -> Iterator[Callable[..., Lab]]:
    """Labs with settings of their own, closed with everything they started."""
    labs: list[Lab] = []

    def make(**settings: str) -> Lab:
        workspace.mkdir(exist_ok=True)
        labs.append(Lab(workspace, {f"PEFT_STUDIO_{name.upper()}": value for name, value in settings.items()}))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()
