"""Who this process is within its run, and the token that makes it the only one that may write."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.run_directory import RunDirectory
from backend.executors.environment import ATTEMPT, TOKEN
from backend.store.files import read_text
from backend.trainer.errors import AttemptSuperseded


@dataclass(frozen=True, slots=True)
class OwnAttempt:
    """This trainer's number and token within its run."""

    run: RunDirectory
    number: int
    token: str

    def check_fence(self) -> None:
        """Make sure that nobody else was given the run meanwhile. Raises AttemptSuperseded.

        A run directory without attempt.json has no supervisor, and then the lock alone decides.
        """
        if self.run.fence.exists() and _fence(self.run).get("token") != self.token:
            raise AttemptSuperseded(number=self.number, fence=self.run.fence.name)


def own_attempt(run: RunDirectory, environ: Mapping[str, str]) -> OwnAttempt:
    """What the supervisor said; for a trainer started by hand the fence's attempt, or else a first one."""
    token = environ.get(TOKEN)
    if token:
        return OwnAttempt(run, int(environ.get(ATTEMPT, "1")), token)
    fence = _fence(run)
    match fence:
        case {"number": int(number), "token": str(token)}:
            return OwnAttempt(run, number, token)
    return OwnAttempt(run, 1, secrets.token_hex(8))


def _fence(run: RunDirectory) -> dict[str, object]:
    try:
        found = json.loads(read_text(run.fence) or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
