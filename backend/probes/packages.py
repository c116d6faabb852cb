"""InstalledPackages: what is installed here, read from metadata files and never by importing."""

import ast
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires, version
from pathlib import Path

from backend.domain.machine import PythonRuntime, TorchBuild

STUDIO = "peft-studio"


class InstalledPackages:
    """The environment of the running interpreter."""

    def python(self) -> PythonRuntime:
        """The running interpreter."""
        return PythonRuntime(platform.python_version(), sys.executable)

    def requirements(self) -> Sequence[str] | None:
        """The studio's requirements, those of extras too; None if it is run from source without being installed."""
        try:
            return tuple(requires(STUDIO) or ())
        except PackageNotFoundError:
            return None

    def requires_python(self) -> str:
        """The studio's version specifier for Python; "" if unknown."""
        found = _distribution(STUDIO)
        has_range = found is not None and "Requires-Python" in found.metadata
        return found.metadata["Requires-Python"] if found and has_range else ""

    def version(self, name: str) -> str | None:
        """The installed version of a distribution, or None."""
        try:
            return version(name)
        except (PackageNotFoundError, ValueError):
            return None

    def torch_build(self) -> TorchBuild | None:
        """What torch was compiled for, from the constants of its version.py."""
        found = _distribution("torch")
        if found is None:
            return None
        constants = _string_constants(Path(str(found.locate_file("torch/version.py"))))
        if constants is None:
            return None
        version = constants.get("__version__") or found.version
        return TorchBuild(version, constants.get("cuda"), constants.get("hip"), constants.get("xpu"))


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _string_constants(path: Path) -> dict[str, str] | None:
    """The module-level `name = "text"` assignments of a file; None if it cannot be read."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return None
    return {
        target.id: node.value.value
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
