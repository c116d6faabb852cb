"""Whether what a plugin gives can be used: a sentence about what is wrong, or nothing."""

import re
from collections.abc import Collection

from backend.plugins.kinds import PluginKind, bases, built_in, is_spec_kind
from backend.plugins.view import PluginView
from backend.spec import Card, Spec

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ADDRESS = re.compile(r"[a-z][a-z0-9-]{0,39}")
_ICON = re.compile(r":material/[a-z0-9_]+:")


def problem_of(kind: PluginKind, name: str, found: object, taken: Collection[str]) -> str:
    """Why an object cannot be a plugin of this kind under this name; "" if it can. `taken` are names of others."""
    if name in taken or name in _ours(kind):
        return f"there is {kind.article} {kind.noun} called {name} already"
    if kind is PluginKind.VIEWS:
        return _view_problem(name, found)
    wanted = bases(kind)
    if not isinstance(found, type) or not issubclass(found, wanted):
        return f"{_called(found)} is not derived from {' or '.join(base.__name__ for base in wanted)}"
    return _spec_problem(name, found) if issubclass(found, Spec) else ""


def _spec_problem(name: str, found: type[Spec]) -> str:
    if not isinstance(getattr(found, "card", None), Card):
        return f"{found.__name__} has no card"
    own = found.spec_name() if "name" in found.model_fields else ""
    if own != name or not _NAME.fullmatch(name):
        return f'the entry point is called {name}, but {found.__name__} has the name "{own}": make them equal'
    found.parameters()
    return ""


def _view_problem(name: str, found: object) -> str:
    if not isinstance(found, PluginView):
        return f"{_called(found)} is no PluginView"
    if found.url_path != name or not _ADDRESS.fullmatch(name):
        return f'the entry point is called {name}, but the address of the page is "{found.url_path}": make them equal'
    if not _ICON.fullmatch(found.icon) or not found.title.strip():
        return "a view needs a title, and a material icon such as :material/extension:"
    return ""


def _ours(kind: PluginKind) -> Collection[str]:
    if kind is PluginKind.EXECUTORS:
        return ("local",)
    return [spec.spec_name() for spec in built_in(kind)] if is_spec_kind(kind) else ()


def _called(found: object) -> str:
    return found.__name__ if isinstance(found, type) else type(found).__name__
