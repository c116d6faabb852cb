"""What the answer of a trace depends on beside the order: the libraries, and our own code."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "trl")
FOLDERS = ("trainer", "methods", "recipes", "quantization")


def tracing_version(installed_version: Callable[[str], str | None]) -> str:
    """Changes with any of them."""
    versions = " ".join(f"{name}={installed_version(name)}" for name in PACKAGES)
    return f"{versions} code={_code()}"


@cache
def _code() -> str:
    backend = Path(__file__).resolve().parents[1]
    found = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((backend / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
