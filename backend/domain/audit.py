"""Looking up known vulnerabilities with pip-audit: its command, and what it found. Pure.

pip-audit ends with code 1 if it found something, and also if it could not do its work. Where a service knows no package
at all, as a mirror may, it ends with code 0 and says that nothing was found. So its JSON decides, not its code
(https://github.com/pypa/pip-audit: pip_audit/_cli.py, pip_audit/_format/json.py, version 2.10.1).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backend.domain.dependencies import DependencyCheck

PACKAGE = "pip-audit"
ASKS_NETWORK = "It changes nothing here. It asks a service on the network (pypi.org) about each installed package."
_MODULE = "pip_audit"
_BEGINNING = '{"dependencies":'
_NO_LINE = (
    "connectionerror",
    "could not connect",
    "failed to establish a new connection",
    "max retries exceeded",
    "your network may be blocking this service",
    "proxyerror",
    "sslerror",
    "timed out",
)


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """An installed version with known vulnerabilities: their ids, and the versions that have none of some of them."""

    name: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of how many packages, and of which nothing is known."""

    num_known: int
    found: tuple[Vulnerable, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """In words."""
        count = sum(len(each.ids) for each in self.found)
        known = f"{count:,}, in {len(self.found):,} of them" if self.found else "none"
        rest = f" Not looked up: {len(self.unknown):,}; of those nothing is known." if self.unknown else ""
        return f"Packages looked up: {self.num_known:,}; known vulnerabilities: {known}.{rest}"

    def lines(self) -> tuple[str, ...]:
        """Package by package."""
        return (*(_line(each) for each in self.found), *(f"{name}: not looked up" for name in self.unknown))


def audit_command(python: str) -> tuple[str, ...]:
    """For what is installed beside an interpreter; asks a service on the network."""
    return (python, "-m", _MODULE, "--progress-spinner", "off", "--format", "json", "--desc", "off")


def is_audit(command: Sequence[str]) -> bool:
    """Whether a command only looks something up, so that nothing is changed by it."""
    return tuple(command[1:3]) == ("-m", _MODULE)


def can_audit(checks: Iterable[DependencyCheck]) -> bool:
    """Whether pip-audit is installed, as the doctor found."""
    return any(check.name == PACKAGE and check.installed for check in checks)


def read_audit(printed: str) -> Audit | None:
    """What all that pip-audit printed comes to; None without a result."""
    line = next((line for line in printed.splitlines() if line.startswith(_BEGINNING)), "")
    try:
        packages = json.loads(line)["dependencies"]
        known = [package for package in packages if "vulns" in package]
        unknown = tuple(str(package["name"]) for package in packages if "vulns" not in package)
        return Audit(len(known), tuple(_vulnerable(known)), unknown)
    except (ValueError, KeyError, TypeError):
        return None


def why_nothing_is_known(audit: Audit | None, printed: str, code: int | None) -> str:
    """Of an audit that came to nothing; which it was is a heuristic, by the words of the libraries that asked."""
    if audit is not None:
        many = f"{len(audit.unknown):,} packages"
        return f"Whoever answered in place of pypi.org, such as a mirror or a proxy, knows none of the {many}."
    last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "nothing")
    if any(words in printed.lower() for words in _NO_LINE):
        return f"The service (pypi.org) could not be reached: {last[:300]}"
    return f"pip-audit ended with code {code}. Its last words: {last[:300]}"


def _vulnerable(packages: Iterable[dict[str, Any]]) -> Iterator[Vulnerable]:
    for package in packages:
        ids = tuple(str(each["id"]) for each in package["vulns"])
        fixed = (str(version) for each in package["vulns"] for version in each["fix_versions"])
        if ids:
            yield Vulnerable(str(package["name"]), str(package["version"]), ids, tuple(dict.fromkeys(fixed)))


def _line(found: Vulnerable) -> str:
    fixed = f"; fixed in {', '.join(found.fixed_in)}" if found.fixed_in else "; no fixed version is known"
    return f"{found.name} {found.version}: {', '.join(found.ids)}{fixed}"
