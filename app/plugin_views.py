"""Views of plugins: what goes wrong in one is the plugin's mistake, and is told as such."""

import logging
from collections.abc import Callable

from streamlit.errors import FragmentHandledException

from app.errors import PluginViewFailed
from backend.errors import StudioError
from backend.plugins.view import PluginView
from backend.services.bundle import Services


def framed_view(view: PluginView) -> Callable[[Services], None]:
    """What draws it. Raises StudioErrors as they are, and PluginViewFailed for anything else."""

    def render(services: Services) -> None:
        try:
            view.render(services)
        except (StudioError, FragmentHandledException):
            raise
        except Exception as error:
            logging.getLogger(__name__).exception("the view %s of a plugin failed", view.url_path)
            raise PluginViewFailed(name=view.url_path, error=f"{type(error).__name__}: {error}") from error

    return render
