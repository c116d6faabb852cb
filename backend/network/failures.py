"""The kinds of failure of a fetch, and the policy of each: one table for models and datasets."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Why something could not be fetched or loaded."""

    OFFLINE = "offline"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    INSECURE = "insecure"
    PROXY = "proxy"
    RATE_LIMITED = "rate-limited"
    SERVER = "server"
    MISSING = "missing"
    REVISION = "revision"
    GATED = "gated"
    UNAUTHORISED = "unauthorised"
    DISK_FULL = "disk-full"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Policy:
    """`is_tried_again`: the same call may work later by itself. `keeps_to_the_wait`: a Retry-After is waited for."""

    is_tried_again: bool
    keeps_to_the_wait: bool = False


_FINAL, _PASSING, _BUSY = Policy(False), Policy(True), Policy(True, keeps_to_the_wait=True)
POLICIES: Mapping[FailureKind, Policy] = {
    FailureKind.OFFLINE: _FINAL,  # a person's own switch
    FailureKind.UNREACHABLE: _PASSING,
    FailureKind.TIMEOUT: _PASSING,
    FailureKind.INSECURE: _FINAL,  # a certificate does not become valid by waiting, and asking on invites a stranger
    FailureKind.PROXY: _FINAL,  # it refuses by its rules
    FailureKind.RATE_LIMITED: _BUSY,
    FailureKind.SERVER: _BUSY,
    FailureKind.MISSING: _FINAL,
    FailureKind.REVISION: _FINAL,
    FailureKind.GATED: _FINAL,
    FailureKind.UNAUTHORISED: _FINAL,
    FailureKind.DISK_FULL: _FINAL,  # every attempt would fill it again
    FailureKind.INCOMPLETE: _FINAL,  # the bytes that came are wrong, and would be again
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened. `status` is the answer's code if there was one; `retry_after_seconds` what it asked for."""

    kind: FailureKind
    said: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None

    @property
    def policy(self) -> Policy:
        """From the table."""
        return POLICIES[self.kind]

    @property
    def asked_wait_seconds(self) -> float | None:
        """How long the hub asked to be left alone, if that is kept to."""
        return self.retry_after_seconds if self.policy.keeps_to_the_wait else None
