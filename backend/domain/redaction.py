"""Keeping secrets and private paths out of what is logged."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HIDDEN = "[hidden]"
_SECRETS = (
    re.compile(r"\b(?:hf|sk|pk|ghp|gho|ghs|github_pat|glpat|xox[abprs])[_-][A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{4,}"),
    re.compile(r"(?i)(?<=://)[^/\s@]+(?=@)"),
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


LEAST_SECRET = 6  # shorter ones would be found in every text


@dataclass(frozen=True, slots=True)
class Redactor:
    """For what leaves this machine: hides also who works here, and secrets that are known by their value."""

    homes: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        """Without the secrets, with ~ for home folders, [person] for the names of user and machine."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        for home in self.homes:
            text = redact(text, home)
        text = redact(text)
        for name in self.names:
            text = re.sub(rf"(?i)(?<![^\W_]){re.escape(name)}(?![^\W_])", "[person]", text)
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 - walks any JSON value
        """The same for every text in a JSON value, and nothing at all of what is called like a secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): HIDDEN if value_ and is_secret_name(str(key)) else self.value(value_)
                for key, value_ in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value if value is None or isinstance(value, bool | int | float) else self.text(str(value))


def is_secret_name(name: str) -> bool:
    """Whether something that is called so is a secret: the name ends like one."""
    return re.search(rf"(?i)(?:{_NAMES}|_key)$", name) is not None


def secrets_of(environment: Mapping[str, str], more: Iterable[str] = ()) -> tuple[str, ...]:
    """The values of variables that are called like secrets, and more; what is too short to be one is left out."""
    named = (value for name, value in environment.items() if is_secret_name(name))
    return tuple(sorted({each.strip() for each in (*named, *more) if len(each.strip()) >= LEAST_SECRET}))
