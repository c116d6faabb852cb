"""PluginView: a page that a plugin adds to the menu."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PluginView:
    """Like a view of the studio: `render` gets the Services and draws with Streamlit; `icon` is a material icon."""

    url_path: str
    title: str
    render: Callable[..., None]
    icon: str = ":material/extension:"
    help: str = ""
