"""The one container of a command, built when the command first needs it."""

from functools import cached_property
from pathlib import Path

import typer

from backend.containers import StudioContainer, build_container
from backend.services.bundle import Services
from config.settings import Settings


class Context:
    """What the callback of the program hands to its commands."""

    def __init__(self, workspace: Path | None) -> None:
        self._workspace = workspace

    @cached_property
    def settings(self) -> Settings:
        """Settings with the workspace of the command line above all other sources."""
        return Settings(workspace=self._workspace) if self._workspace else Settings()

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
        """End the chat child and the database connections, if there are any."""
        if "container" in self.__dict__:
            self.services.chat.close()
            self.container.store().close()


def of(ctx: typer.Context) -> Context:
    """The context of a command."""
    found = ctx.find_object(Context)
    assert found is not None
    return found
