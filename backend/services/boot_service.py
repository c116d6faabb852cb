"""BootService: the optional systemd user unit that looks after runs without anybody opening a browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.domain.unit_file import UNIT_NAME, unit_text
from backend.errors import ConfigurationError, ProcessError, StorageError, UsageError
from backend.executors.systemctl import Told
from backend.store.files import read_text, replace_text


class ServiceUnsupported(UsageError):
    """A system without systemd."""

    id = "service-unsupported"
    what = "There is no service to install on this system."
    why = "It needs Linux with systemd; no systemctl was found here."
    fix = "Have your system run this at login: peft-studio runs look-after --every 5"


class ServiceManagerSilent(ProcessError):
    """The person's service manager refused, or there is none."""

    id = "service-manager-refused"
    what = "systemctl --user {words} failed. {state}"
    why = "It said: {reason}."
    fix = "Give the command again in a login session of your own (not under sudo or in a container)."


class UnitUnwritable(StorageError):
    """The folder of units does not take the file."""

    id = "unit-unwritable"
    what = "The unit {path} was not changed."
    why = "The system says: {reason}."
    fix = "Give yourself the right to write there."


class UnitUnsayable(ConfigurationError):
    """A setting with characters that a unit cannot hold."""

    id = "unit-unsayable"
    what = "These settings cannot be written into a unit."
    why = "{reason}."
    fix = "Use a workspace and settings without control characters."


class Systemctl(Protocol):
    """The person's service manager."""

    def is_there(self) -> bool:
        """Whether this system could have user services."""

    def ask(self, *words: str) -> Told:
        """Run it with these words."""


@dataclass(frozen=True, slots=True)
class BootServiceStatus:
    """`is_current`: the unit on disk is what would be installed now. `lingers`: it also starts without a login."""

    path: Path
    is_installed: bool
    is_current: bool
    active: str
    enabled: str
    lingers: bool


class BootService:
    """Installs, removes and looks at the unit; `command` and `environment` are what it runs with.

    In the folder `linger` systemd keeps a file for each user whose services also run without a login.
    """

    def __init__(
        self,
        systemctl: Systemctl,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        user: str,
        linger: Path,
    ) -> None:
        self._systemctl = systemctl
        self._command = command
        self._environment = environment
        self._user = user
        self._linger = linger
        self.path = folder / UNIT_NAME

    def text(self) -> str:
        """The unit as it would be installed. Raises ServiceUnsupported, UnitUnsayable."""
        if not self._systemctl.is_there():
            raise ServiceUnsupported
        try:
            return unit_text(self._command, self._environment)
        except ValueError as error:
            raise UnitUnsayable(reason=error) from error

    def install(self) -> BootServiceStatus:
        """Write the unit (only its owner may read it: it has the store's address), enable and start it."""
        text = self.text()
        self._do("Nothing was written.", "daemon-reload")  # is there anybody to talk to?
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self.path, text, mode=0o600)
        except OSError as error:
            raise UnitUnwritable(path=self.path, reason=error.strerror or error) from error
        state = f"The unit is in {self.path}."
        self._do(state, "daemon-reload")
        self._do(state, "enable", UNIT_NAME)
        self._do(state, "restart", UNIT_NAME)
        return self.status()

    def uninstall(self) -> BootServiceStatus:
        """Stop, disable and remove the unit. Runs go on. A unit that is not there is no error."""
        if not self._systemctl.is_there():
            raise ServiceUnsupported
        if self.path.exists():
            self._do("The unit is still installed.", "disable", "--now", UNIT_NAME)
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                raise UnitUnwritable(path=self.path, reason=error.strerror or error) from error
            self._do("The unit is removed.", "daemon-reload")
        return self.status()

    def status(self) -> BootServiceStatus:
        """What is installed, and what the service manager says of it. Raises ServiceUnsupported."""
        wanted, found = self.text(), read_text(self.path)
        return BootServiceStatus(
            path=self.path,
            is_installed=found is not None,
            is_current=found == wanted,
            active=self._word("is-active"),
            enabled=self._word("is-enabled"),
            lingers=(self._linger / self._user).exists(),
        )

    def _word(self, question: str) -> str:
        told = self._systemctl.ask(question, UNIT_NAME)
        return (told.out or told.err or "unknown").splitlines()[0]

    def _do(self, state: str, *words: str) -> None:
        told = self._systemctl.ask(*words)
        if told.code != 0:
            reason = (told.err or told.out or f"exit code {told.code}").splitlines()[0].rstrip(".")
            raise ServiceManagerSilent(words=" ".join(words), state=state, reason=reason)
