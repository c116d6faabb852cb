"""Views that cannot be shown."""

from backend.plugins.view import PluginView


def _render(_services: object) -> None:
    raise RuntimeError("it cannot be drawn")


HOME = PluginView("home", "Another home", _render)
FAILS = PluginView("fails", "Fails", _render)
