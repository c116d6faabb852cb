"""Keeping secrets and private paths out of what is logged."""

import re
from pathlib import Path

HIDDEN = "[hidden]"
_SECRETS = (
    re.compile(r"\b(?:hf|sk|pk|ghp|gho|ghs|github_pat|glpat|xox[abprs])[_-][A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{4,}"),
    re.compile(r"(?i)(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
)
_NAMES = r"token|password|passwd|secret|api[_-]?key|authorization"
_NAMED = re.compile(rf"""(?i)(\b[\w-]*(?:{_NAMES})\b["']?\s*[=:]\s*["']?)(?!bearer )([^\s"',;&]+)""")


def has_secret(text: str) -> bool:
    """Whether something has the shape of a common token; as much a heuristic as `redact`."""
    return any(pattern.search(text) for pattern in _SECRETS)


def redact(text: str, home: Path | None = None) -> str:
    """The text without what looks like a token or a password, and with ~ for the home folder.

    A heuristic: it knows the shapes of common tokens and names that stand before secrets, and cannot know more.
    """
    for pattern in _SECRETS:
        text = pattern.sub(HIDDEN, text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    folder = str(home or Path.home())
    return re.sub(rf"{re.escape(folder)}(?=[/\\]|\b|$)", "~", text) if len(folder) > 1 else text
