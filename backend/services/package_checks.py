"""Judging packages by their metadata: those that are needed, those that may be there, and how each was installed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from backend.domain.dependencies import DependencyCheck, Topic
from backend.domain.machine import PackageLookup
from backend.domain.optional_packages import PACKAGES, OptionalPackage, Place
from backend.domain.pip_command import Pip, told
from backend.domain.surroundings import Distribution

STUDIO = "peft-studio"


def applying(lines: Iterable[str]) -> tuple[Requirement, ...]:
    """The requirements that count on this platform, without those of extras."""
    needed = (Requirement(line) for line in lines)
    return tuple(one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""}))


def needed_package(packages: PackageLookup, requirement: Requirement, pip: Pip) -> DependencyCheck:
    """One that the studio cannot do without."""
    name, expected = requirement.name, str(requirement.specifier)
    version = packages.version(name)
    error = None
    if version is None:
        error = f"{name} is not installed."
    elif not fits(version, expected):
        error = f"{name} {version} is installed, but {expected} is needed."
    command = pip.install(str(requirement)) if error else ()
    return DependencyCheck(
        name=name,
        required=True,
        installed=version is not None,
        version=version,
        expected_version=expected,
        error=error,
        fix_instructions=told(command) if command else None,
        fix_command=command,
    )


def optional_packages(
    packages: PackageLookup, needed: Sequence[Requirement], place: Place, pip: Pip
) -> Iterator[DependencyCheck]:
    """Those that would bring something, but for what the studio needs anyway."""
    known = {canonicalize_name(each.name) for each in needed}
    for package in PACKAGES:
        if package.name not in known:
            yield _optional(packages.version(package.name), package, place, pip)


def _optional(version: str | None, package: OptionalPackage, place: Place, pip: Pip) -> DependencyCheck:
    obstacle = package.obstacle(place)
    is_offered = version is None and not obstacle
    command = pip.install(package.name) if is_offered and not package.caution else ()
    return DependencyCheck(
        name=package.name,
        required=False,
        installed=version is not None,
        version=version,
        error=None if version is not None else f"{package.name} is not installed.",
        topic=Topic.OPTIONAL,
        fix_command=command,
        note=" ".join(part for part in (package.brings, obstacle or package.caution) if part),
    )


def origins(found: Sequence[Distribution]) -> Iterator[DependencyCheck]:
    """A warning for each package that came from no index; the studio itself may be installed from its folder."""
    for each in found:
        if each.origin and not (each.name == STUDIO and each.is_editable):
            how = "linked to a folder" if each.is_editable else "installed from an address of its own"
            yield _warning(
                each.name,
                each.version,
                f"{each.name} was {how} and not from the package index: {each.origin}",
                "Make sure that you trust it; an index serves the same files to everybody.",
            )


def broken_metadata(found: Sequence[Distribution], pip: Pip) -> Iterator[DependencyCheck]:
    """A warning for each package that is there twice, or whose metadata cannot be read."""
    by_name: dict[str, list[Distribution]] = defaultdict(list)
    for each in found:
        if each.name != STUDIO:  # beside its source lies metadata, too
            by_name[each.name].append(each)
    for name, several in by_name.items():
        first = several[0]
        if len({each.folder for each in several}) > 1:
            places = ", ".join(f"{each.version or 'unreadable'} in {each.folder}" for each in several)
            command = pip.reinstall(name, first.version) if first.version else ()
            fix = told(command) if command else "Remove the folders that are left over, and install it again."
            yield _warning(name, first.version, f"{name} is installed more than once: {places}.", fix, command)
        elif first.version is None:
            error = f"The metadata of {name} in {first.folder} cannot be read."
            yield _warning(name, None, error, "Remove that folder, and install the package again.")


def _warning(name: str, version: str | None, error: str, fix: str, command: tuple[str, ...] = ()) -> DependencyCheck:
    return DependencyCheck(
        name=name,
        required=False,
        installed=True,
        version=version,
        error=error,
        fix_instructions=fix,
        topic=Topic.INSTALLATION,
        is_warning=True,
        fix_command=command,
    )


def fits(version: str, expected: str) -> bool:
    """Whether a version is in a range (PEP 440); pre-releases count."""
    try:
        return SpecifierSet(expected).contains(Version(version), prereleases=True)
    except (InvalidVersion, InvalidSpecifier):
        return False
