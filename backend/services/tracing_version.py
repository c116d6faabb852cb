"""What the answer of a trace depends on beside the order: the libraries, and our own code."""

import hashlib
from functools import cache
from pathlib import Path

from backend.probes.package_folders import installed_folders

PACKAGES = frozenset({"torch", "transformers", "peft", "accelerate", "bitsandbytes", "trl"})
FOLDERS = ("trainer", "methods", "recipes", "quantization")


def tracing_version() -> str:
    """Changes with any of them."""
    return f"{installed_folders(PACKAGES)} code {_code()}"


@cache
def _code() -> str:
    backend = Path(__file__).resolve().parents[1]
    found = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((backend / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
