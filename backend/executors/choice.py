"""Which executor starts programs: the one of this machine, or one that a plugin derives from it."""

from typing import cast

from backend.errors import Action, ConfigurationError
from backend.executors.local import LocalExecutor
from backend.plugins.kinds import PluginKind
from backend.plugins.registry import registry

LOCAL = "local"


class ExecutorUnknown(ConfigurationError):
    """The setting names an executor that neither we nor a plugin has."""

    id = "executor-unknown"
    action = Action.OPEN_SETTINGS
    what = "There is no executor called {name}."
    why = "The studio has {known}; plugins can add others, and may have failed to load."
    fix = "Correct the setting executor, or install the plugin; the Settings page lists plugins with their errors."


def executor_named(name: str, *, adopts_orphans: bool = False) -> LocalExecutor:
    """A new one. Raises ExecutorUnknown."""
    kinds = {LOCAL: LocalExecutor}
    if name != LOCAL:  # plugins are not looked at for nothing
        found = registry().loaded(PluginKind.EXECUTORS)
        kinds |= {plugin.name: cast(type[LocalExecutor], plugin.found) for plugin in found}
    if name not in kinds:
        raise ExecutorUnknown(name=name, known=", ".join(kinds))
    return kinds[name](adopts_orphans=adopts_orphans)
