"""Judging what stands around the packages: interpreters, disks of the caches, the hub and its token."""

import shlex
from collections.abc import Callable, Iterator, Sequence

from backend.domain.dependencies import DependencyCheck, Topic
from backend.domain.machine import PythonRuntime
from backend.domain.surroundings import CacheFolder, HubAccess

PYTHON_PAGE = "https://www.python.org/downloads"
SCARCE_BYTES = 5_000_000_000  # less than the weights of a 2 B model
_WITHOUT_TOKEN = "Public models and datasets work without; gated and private ones need it."  # noqa: S105 - no password
_SIGN_IN = "Run: hf auth login"


def python_fix(expected: str, others: Sequence[PythonRuntime], does_fit: Callable[[str], bool]) -> str:
    """What to do about an interpreter that does not fit: another one of this machine, or where to get one."""
    fitting = next((each for each in others if does_fit(each.version)), None)
    if fitting is None:
        return f"Python {expected} is required but not found. Please install Python {expected} from {PYTHON_PAGE}."
    command = shlex.join([fitting.path, "-m", "venv", ".venv"])
    return f"Python {fitting.version} of this machine fits; make the environment anew with it. Run: {command}"


def caches(found: Sequence[CacheFolder]) -> Iterator[DependencyCheck]:
    """The free space of each disk that downloads and runs fill, measured now."""
    for each in found:
        free = f"{each.free_bytes / 1e9:.1f} GB are free at {each.path}."
        is_scarce = each.free_bytes < SCARCE_BYTES
        yield DependencyCheck(
            name=each.title,
            required=False,
            installed=True,
            error=f"{each.title}: only {free}" if is_scarce else None,
            fix_instructions="Make room: empty the trash, or delete models and runs (Models, Runs)."
            if is_scarce
            else None,
            topic=Topic.INSTALLATION,
            is_warning=is_scarce,
            note="" if is_scarce else free,
        )


def network(hub: HubAccess) -> Iterator[DependencyCheck]:
    """Whether the hub may be asked, and as whom. Nothing is asked here."""
    through = f" through the proxy {hub.proxy}" if hub.proxy else ""
    yield DependencyCheck(
        name="hub",
        required=False,
        installed=not hub.offline_because,
        error=f"The hub is not asked: {hub.offline_because}." if hub.offline_because else None,
        fix_instructions="Unset it to fetch models and datasets." if hub.offline_because else None,
        topic=Topic.NETWORK,
        is_warning=bool(hub.offline_because),
        note="" if hub.offline_because else f"It would be asked at {hub.endpoint}{through}; it was not asked now.",
    )
    yield _token(hub)


def _token(hub: HubAccess) -> DependencyCheck:
    exposed = hub.exposed_token
    if exposed is not None:
        command = shlex.join(["chmod", "600", str(exposed)])
        error, fix = f"The token of the hub in {exposed} can be read by others on this machine.", f"Run: {command}"
    elif not hub.token_from:
        error, fix = "No token of the hub was found.", _SIGN_IN
    else:
        error, fix = "", ""
    return DependencyCheck(
        name="hub token",
        required=False,
        installed=bool(hub.token_from),
        error=error or None,
        fix_instructions=fix if exposed is not None else None,
        topic=Topic.NETWORK,
        is_warning=exposed is not None,
        note=f"Found in {hub.token_from}; its value is not shown." if hub.token_from else f"{_WITHOUT_TOKEN} {fix}",
    )
