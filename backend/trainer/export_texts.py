"""The text files of an export: nothing in them names a folder of this machine or carries a key."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from backend.domain.export_errors import ExportUnsafe
from backend.domain.redaction import has_secret
from backend.store.files import replace_text

TEXTS = frozenset({".json", ".md", ".txt", ".jinja", ".yaml", ".yml", ".csv", ".py"})
VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "added_tokens.json", "merges.txt"})  # words, not sentences
_END = r"(?![\w.-])"


def clean(folder: Path, private: Mapping[str, str]) -> None:
    """Replace private folders, and what follows them, by what the mapping says; the longest first."""
    for path in _texts(folder):
        text = cleaned = path.read_text(encoding="utf-8")
        for name in sorted(private, key=len, reverse=True):
            cleaned = re.sub(re.escape(name) + _END, lambda _, name=name: private[name], cleaned)  # type: ignore[misc]
        if cleaned != text:
            replace_text(path, cleaned)


def check(folder: Path, private: Mapping[str, str]) -> None:
    """Raises ExportUnsafe for a text file with a private folder, a path of this machine, or what looks like a key."""
    for path in _texts(folder):
        text = path.read_text(encoding="utf-8")
        if has_secret(text):
            raise ExportUnsafe(file=path.name, found="what looks like a key")
        named = next((name for name in private if re.search(re.escape(name) + _END, text)), None)
        if named is None and path.suffix == ".json":
            named = next(filter(_is_here, _strings(json.loads(text))), None)
        if named is not None:
            raise ExportUnsafe(file=path.name, found=f"the folder {named} of this machine")


def _texts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in TEXTS and path.name not in VOCABULARIES:
            yield path


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _is_here(text: str) -> bool:
    """Whether it is an absolute path that exists on this machine."""
    if not text.startswith(("/", "~")) or len(text) < 3 or "\n" in text or len(text) > 4096:  # noqa: PLR2004 - "/" is none
        return False
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False
