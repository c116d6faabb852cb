"""What a program imports for good is nothing for the garbage collector."""

import gc
import subprocess
import sys

import pytest

from backend.executors.heap import importing_for_good

PROGRAM = """
import gc
from backend.executors.heap import importing_for_good

with importing_for_good():
    assert not gc.isenabled()
    import pydantic
assert gc.isenabled()
print(gc.get_freeze_count(), len(gc.get_objects()))
with importing_for_good():
    import pydantic
print(gc.get_freeze_count())
"""


def test_the_collector_rests_while_a_program_imports_and_leaves_alone_what_was_imported() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.split()
    frozen, others, later = map(int, said)
    assert frozen > 10_000 > others
    assert later <= frozen, "nothing was imported, nothing more is kept"


def test_a_failing_import_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(ModuleNotFoundError), importing_for_good():
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()
    gc.disable()
    try:
        with importing_for_good():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
