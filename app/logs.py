"""The lines of the dashboard's log: to standard error, where the launcher takes them up, in the form that is set."""

import logging

from backend.domain.events import ConfigChanged
from backend.domain.log_lines import formatter
from backend.services.bundle import Services
from config.settings import Settings

OURS = ("app", "backend")
FOLLOWED = {"debug", "log_format"}
LIBRARIES = ("streamlit", "uvicorn", "websockets")


def set_up_logging(settings: Settings) -> None:
    """One handler for all; our own lines from INFO on, or from DEBUG on with `debug`. Calling it again is fine.

    Streamlit gives each of its loggers a handler of its own; those that exist by now get our form.
    """
    form = formatter(settings.log_format)
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Lines)]:
        root.removeHandler(old)
    lines = _Lines()
    lines.setFormatter(form)
    root.addHandler(lines)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if settings.debug else logging.INFO)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in LIBRARIES:
            for handler in logger.handlers:
                handler.setFormatter(form)


def keep_logging_as_set(services: Services) -> None:
    """Set it up again whenever one of its settings has another value."""

    def follow(told: ConfigChanged) -> None:
        if told.changed & FOLLOWED:
            set_up_logging(services.settings.current())

    services.bus.subscribe(ConfigChanged, follow)


class _Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """Ours, to be told from the handlers of others."""
