"""PackageInstalls: runs one of the doctor's commands as a supervised job, after a person has seen it and said yes."""

import importlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain.audit import Audit, audit_command, is_audit, read_audit, why_nothing_is_known
from backend.domain.ports import Command, Executor
from backend.domain.redaction import redact
from backend.domain.run import ProcessIdentity
from backend.domain.states import Liveness
from backend.errors import ProcessError, UsageError
from backend.services.jobs import Job, JobCancelled, Jobs
from backend.store.files import read_text

KEY = ("install",)
LOOK_SECONDS = 0.5
GRACE_SECONDS = 5.0
MOST_LINES = 200
_MODULES = {"pip", "ensurepip", "pip_audit"}
_QUIET = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}


class InstallRefused(UsageError):
    """Nothing is installed from here."""

    id = "install-refused"
    what = "The command was not run: {command}"
    why = "{reason}"
    fix = "Run it in a terminal, if you want it."


class InstallFailed(ProcessError):
    """The command ended with an error."""

    id = "install-failed"
    what = "The command ended with code {code}: {command}"
    why = "Its last words: {said}"
    fix = "Read its log ({log}); run the command in a terminal to try variations of it."


class AuditFailed(ProcessError):
    """Looking up known vulnerabilities came to nothing, which is not the same as that there are none."""

    id = "audit-failed"
    what = "Known vulnerabilities could not be looked up: whether there are any is not known."
    why = "{reason}"
    fix = (
        "Look at the connection, the proxy and the mirror of this machine, and look again. Nothing was changed, and "
        "all else works without. Its log is {log}."
    )


@dataclass(frozen=True, slots=True)
class Installed:
    """What a command that ended well said last."""

    command: tuple[str, ...]
    said: str


class PackageInstalls:
    """One command at a time, in a process of its own that outlives the dashboard: half an installation is worse.

    Nothing is started but the commands of the doctor: pip of this very interpreter.
    """

    def __init__(
        self,
        executor: Executor,
        folder: Path,
        python: str,
        forbidden: Callable[[], str],
        environment: Mapping[str, str],
    ) -> None:
        """`forbidden` answers why nothing may be installed, "" if it may; the log and the lock lie in `folder`."""
        self.jobs = Jobs(max_at_once=1)
        self.num_done = 0
        self._executor = executor
        self._python = python
        self._forbidden = forbidden
        self._more = {name: value for name, value in environment.items() if name.startswith("PIP_")} | _QUIET
        self._folder = folder
        self._log = folder / "install.log"
        self._lock = folder / "install.lock"

    def obstacle(self) -> str:
        """Why nothing can be installed from here now; "" if it can."""
        if why := self._forbidden():
            return why
        if self.jobs.running() or self._executor.find(self._lock)[0] is not Liveness.DEAD:
            return "Another installation is at work."
        return ""

    def start(self, command: Sequence[str]) -> Job:
        """Run it. Raises InstallRefused.

        The job ends with Installed, an Audit, InstallFailed, AuditFailed or CommandNotStarted.
        """
        words = tuple(command)
        if reason := self._not_ours(words) or self.obstacle():
            raise InstallRefused(command=shlex.join(words), reason=reason)
        self.jobs.forget(KEY)
        return self.jobs.start(KEY, shlex.join(words), lambda job: self._run(job, words))

    def job(self) -> Job | None:
        """The last one, over or not."""
        return self.jobs.of(KEY)

    def audit(self) -> Job:
        """Look up known vulnerabilities of what is installed; asks a service on the network. Raises as `start`."""
        return self.start(audit_command(self._python))

    def audit_command(self) -> tuple[str, ...]:
        """What `audit` runs."""
        return audit_command(self._python)

    def lines(self) -> tuple[str, ...]:
        """The last lines of the log of the last command, without what looks like a secret."""
        text = read_text(self._log) or ""
        return tuple(redact(line) for line in text.splitlines()[-MOST_LINES:])

    def _not_ours(self, words: tuple[str, ...]) -> str:
        is_ours = any(words[:3] == (self._python, "-m", module) for module in _MODULES)
        return "" if is_ours else "It is none of the doctor's commands."

    def _run(self, job: Job, words: tuple[str, ...]) -> Installed | Audit:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        order = Command(words, self._folder, self._log, self._lock, dict(self._more))
        process = self._executor.start(order)
        if process is None:
            raise InstallRefused(command=shlex.join(words), reason="Another installation is at work.")
        code = self._watch(job, process)
        if is_audit(words):
            return self._audit(code)
        said = next((line for line in reversed(self.lines()) if line.strip()), "nothing")
        self.num_done += 1
        importlib.invalidate_caches()
        if code != 0:
            raise InstallFailed(code=code, command=shlex.join(words), said=said, log=self._log)
        return Installed(words, said)

    def _audit(self, code: int | None) -> Audit:
        printed = read_text(self._log) or ""
        audit = read_audit(printed)
        if audit is None or not audit.num_known:
            raise AuditFailed(reason=redact(why_nothing_is_known(audit, printed, code)), log=self._log)
        return audit

    def _watch(self, job: Job, process: ProcessIdentity) -> int | None:
        while (ended := self._executor.wait(process, LOOK_SECONDS)) is None:
            if job.is_cancelled:
                self._end(process)
                self.num_done += 1  # it may have changed something
                raise JobCancelled
            job.said = next((line for line in reversed(self.lines()) if line.strip()), "")[:200]
        return ended.code

    def _end(self, process: ProcessIdentity) -> None:
        self._executor.terminate(process)
        if self._executor.wait(process, GRACE_SECONDS) is None:
            self._executor.kill(process)
            self._executor.wait(process, GRACE_SECONDS)
