"""The one container of a command, built when the command first needs it."""

from functools import cached_property
from pathlib import Path

import typer
from pydantic import ValidationError

from backend.containers import StudioContainer, build_container
from backend.errors import ConfigurationError
from backend.services.bundle import Services
from config.settings import Settings


class SettingsInvalid(ConfigurationError):
    """An environment variable or a line of studio.toml that cannot be used."""

    id = "settings-invalid"
    what = "The settings cannot be used."
    why = "{problems}."
    fix = "Correct the variable (PEFT_STUDIO_NAME), .env or studio.toml."


class Context:
    """What the callback of the program hands to its commands."""

    def __init__(self, workspace: Path | None) -> None:
        self._workspace = workspace

    @cached_property
    def settings(self) -> Settings:
        """Settings with the workspace of the command line above all other sources. Raises SettingsInvalid."""
        try:
            return Settings(workspace=self._workspace) if self._workspace else Settings()
        except ValueError as error:  # of pydantic, of its reader of variables, of TOML
            raise SettingsInvalid(problems=_problems(error)) from error

    @cached_property
    def container(self) -> StudioContainer:
        """The composition of everything; opens the store when the first service asks for it."""
        return build_container(self.settings)

    @cached_property
    def services(self) -> Services:
        """What a person can do."""
        return self.container.services()

    def look_after_runs(self) -> None:
        """Whoever looks at runs sees to it that each has its supervisor."""
        self.services.processes.reconcile()

    def close(self) -> None:
        """End the programs that answer us and the database connections, if there are any."""
        if "container" in self.__dict__:
            self.services.chat.close()
            self.services.tensorboard.close()
            self.services.measuring.close()
            self.services.memory_forecasts.close()
            self.container.store().close()


def _problems(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return str(error).rstrip(".")


def of(ctx: typer.Context) -> Context:
    """The context of a command."""
    found = ctx.find_object(Context)
    assert found is not None
    return found
