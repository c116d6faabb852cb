"""The plugins of this process: each loaded apart from the others, when something of its kind is asked for."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points

from backend.errors import Explanation
from backend.plugins.checks import problem_of
from backend.plugins.errors import PluginUnusable
from backend.plugins.kinds import PluginKind

SWITCHED_OFF = "PEFT_STUDIO_PLUGINS_OFF"  # names, with commas between them, for programs that read no settings
ALL = "*"
_HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes")
_log = logging.getLogger(__name__)


class PluginState(StrEnum):
    """What became of a plugin."""

    LOADED = "loaded"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of an installed distribution; `error` is a sentence, `found` what it gives."""

    kind: PluginKind
    name: str
    distribution: str
    version: str
    state: PluginState
    error: str = ""
    found: object = None

    def problem(self) -> Explanation | None:
        """Why it cannot be used, if it failed."""
        if self.state is not PluginState.FAILED:
            return None
        told = {"noun": self.kind.noun, "name": self.name, "distribution": self.distribution}
        return PluginUnusable(**told, error=self.error[:1].upper() + self.error[1:]).explain()


class Registry:
    """Loads each kind once; whatever a plugin does wrong is noted and goes no further. Safe from any thread.

    `entries` lists the entry points of a group; `off` names plugins or distributions that are not loaded.
    """

    def __init__(self, off: Collection[str] = (), entries: Callable[[str], Iterable[EntryPoint]] | None = None) -> None:
        self._off = frozenset(off)
        self._entries = entries or (lambda group: entry_points(group=group))
        self._lock = threading.RLock()
        self._kinds: dict[PluginKind, tuple[Plugin, ...]] = {}

    @property
    def off(self) -> frozenset[str]:
        """Names that are not loaded."""
        return self._off

    def plugins(self, kind: PluginKind) -> tuple[Plugin, ...]:
        """All of a kind, loaded or not, by distribution and name."""
        with self._lock:
            if kind not in self._kinds:
                self._kinds[kind] = ()  # a plugin that asks for its own kind while it loads finds none
                self._kinds[kind] = self._load(kind)
            return self._kinds[kind]

    def loaded(self, kind: PluginKind) -> tuple[Plugin, ...]:
        """Those that can be used."""
        return tuple(plugin for plugin in self.plugins(kind) if plugin.state is PluginState.LOADED)

    def failures(self) -> tuple[Plugin, ...]:
        """Those of the kinds asked for by now that cannot be used; loads nothing, waits for nobody."""
        known = tuple(self._kinds.values())
        return tuple(plugin for plugins in known for plugin in plugins if plugin.state is PluginState.FAILED)

    def refuse(self, plugin: Plugin, error: str) -> None:
        """Note that one which was loaded cannot be used after all."""
        with self._lock:
            refused = replace(plugin, state=PluginState.FAILED, error=error, found=None)
            self._kinds[plugin.kind] = tuple(refused if each == plugin else each for each in self.plugins(plugin.kind))
        _warn(refused)

    def _load(self, kind: PluginKind) -> tuple[Plugin, ...]:
        plugins: list[Plugin] = []
        for entry in sorted(self._entries(kind.value), key=lambda each: (_distribution(each), each.name)):
            taken = [each.name for each in plugins if each.state is PluginState.LOADED]
            plugins.append(self._loaded(kind, entry, taken))
        return tuple(plugins)

    def _loaded(self, kind: PluginKind, entry: EntryPoint, taken: Collection[str]) -> Plugin:
        version = entry.dist.version if entry.dist else ""
        plugin = Plugin(kind, entry.name, _distribution(entry), version, PluginState.DISABLED)
        if self._off & {ALL, entry.name, plugin.distribution}:
            return plugin
        before = {name for name in _HEAVY if name in sys.modules}
        try:
            found = entry.load()
            problem = problem_of(kind, entry.name, found, taken)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may fail in any way
            _log.warning("the traceback of plugin %s", entry.name, exc_info=True)
            found, problem = None, f"{type(error).__name__}: {error}".rstrip(": ")
        if heavy := [name for name in _HEAVY if name in sys.modules and name not in before]:
            problem = problem or f"it imports {heavy[0]} while it is loaded; import it in the function that needs it"
        if not problem:
            return replace(plugin, state=PluginState.LOADED, found=found)
        failed = replace(plugin, state=PluginState.FAILED, error=problem)
        _warn(failed)
        return failed


class _Held:
    """The process's one registry: RunConfig is checked against it wherever one is read."""

    lock = threading.Lock()
    registry: Registry | None = None


def registry() -> Registry:
    """The registry of this process; the first call makes one that leaves out what the environment names."""
    with _Held.lock:
        if _Held.registry is None:
            named = os.environ.get(SWITCHED_OFF, "").split(",")
            _Held.registry = Registry([name for each in named if (name := each.strip())])
        return _Held.registry


def use_registry(chosen: Registry | None) -> None:
    """Put a registry in place before anything is asked of it; None to have the next call make one."""
    with _Held.lock:
        _Held.registry = chosen


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else ""


def _warn(plugin: Plugin) -> None:
    if problem := plugin.problem():
        _log.warning("%s", problem.sentence())
