"""Makes any Python program measure its training; it is active where this folder is on PYTHONPATH and a variable is set.

Python imports this file at its start. It waits for `transformers.trainer`, which every contestant trains with, and
hangs a probe into it: the programs themselves stay as they are.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

ENV_RESULT = "PEFT_STUDIO_BENCH_RESULT"  # our prefix: the supervisor hands such variables on
TRAINER = "transformers.trainer"


class WaitForTrainer:
    """Finds nothing by itself; on the first import of the module above it adds the probe behind it."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the signature is importlib's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """The module's own spec, with the probe behind it."""
        if name != TRAINER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_install(module: ModuleType) -> None:
            execute(module)
            from bench_probe import install  # noqa: PLC0415 - needs transformers

            install(module)

        spec.loader.exec_module = execute_and_install  # type: ignore[method-assign]
        return spec


if os.environ.get(ENV_RESULT):
    sys.meta_path.insert(0, WaitForTrainer())
