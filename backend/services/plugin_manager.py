"""PluginManager: which plugins are installed, what became of each, and the views that they bring."""

from collections.abc import Callable, Collection
from typing import cast

from backend.plugins.kinds import PluginKind
from backend.plugins.registry import Plugin, PluginState, Registry
from backend.plugins.view import PluginView


class PluginManager:
    """Looks at installed distributions only, which name their plugins by entry points; never into a workspace."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._told: set[tuple[PluginKind, str, str]] = set()
        self.on_failure: Callable[[Plugin], object] = lambda _: None

    def list(self) -> tuple[Plugin, ...]:
        """Every plugin of every kind; loads those that were not asked for yet."""
        return tuple(plugin for kind in PluginKind for plugin in self._registry.plugins(kind))

    def failed(self) -> tuple[Plugin, ...]:
        """Those that are installed, and cannot be used."""
        return tuple(plugin for plugin in self.list() if plugin.state is PluginState.FAILED)

    def look(self) -> None:
        """Tell `on_failure` of those that were found unusable since the last look. Loads nothing."""
        for plugin in self._registry.failures():
            known = (plugin.kind, plugin.distribution, plugin.name)
            if known not in self._told:
                self._told.add(known)
                self.on_failure(plugin)

    def views(self, taken: Collection[str]) -> tuple[PluginView, ...]:
        """The pages of plugins; one whose address is `taken` by a page of ours is refused."""
        for plugin in self._registry.loaded(PluginKind.VIEWS):
            if plugin.name in taken:
                self._registry.refuse(plugin, f"there is a view called {plugin.name} already")
        return tuple(cast(PluginView, plugin.found) for plugin in self._registry.loaded(PluginKind.VIEWS))
