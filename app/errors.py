"""What the dashboard's server refuses, and how to go on."""

from backend.errors import Action, ConfigurationError, NotFoundError, StudioError, UsageError


class RequestRefused(UsageError):
    """A request from another site, another machine, or with a name that is not ours."""

    id = "request-refused"
    what = "The request was refused."
    why = "{reason}"
    fix = "Open the dashboard at the address that it printed when it started."


class RouteNotFound(NotFoundError):
    """A path below /api that does not exist."""

    id = "route-not-found"
    what = "There is nothing at {path}."
    why = "The HTTP interface has no such path."
    fix = "Check the path; /api/health and /api/runs exist, for example."


class LogNotFound(NotFoundError):
    """The log of an attempt that never was, or whose file is gone."""

    id = "log-not-found"
    what = "The run {run_id} has no log of attempt {attempt}."
    why = "There is no such attempt, it has not written a line yet, or its file is gone."
    fix = "Look on Monitor, or with `peft-studio runs show`, which attempts the run has."


class MethodNotAllowed(UsageError):
    """Anything but reading below /api."""

    id = "method-not-allowed"
    what = "{path} does not take {method}."
    why = "The HTTP interface only tells; it changes nothing."
    fix = "Use GET to read; start and stop runs in the dashboard or with peft-studio."


class ListensTooWide(ConfigurationError):
    """The server was started on an address that others can reach, and nobody asked for that."""

    id = "listens-too-wide"
    what = "The dashboard was not started: the server would listen on {addresses}."
    why = "Streamlit's configuration gives that address, but the studio is set to listen on {host} only."
    fix = (
        "Start it with `peft-studio ui` or from the repository's folder, "
        "or set PEFT_STUDIO_HOST if other machines are meant to reach it."
    )


class ViewFailed(StudioError):
    """Anything but a StudioError while a page is drawn: a mistake of ours."""

    id = "view-failed"
    action = Action.TRY_AGAIN
    what = "This page could not be drawn."
    why = "The studio made a mistake; the log of the dashboard has the details under {incident}."
    fix = "Reload the page; if it happens again, report it with {incident} and the time."


class ClickFailed(StudioError):
    """Anything but a StudioError while a click is answered: a mistake of ours."""

    id = "click-failed"
    what = "What you clicked could not be done, or not to its end."
    why = "The studio made a mistake; the log of the dashboard has the details under {incident}."
    fix = (
        "Look at what the page shows now, then try again; if it happens again, report it with {incident} and the time."
    )


class PluginViewFailed(StudioError):
    """Anything but a StudioError while a page of a plugin is drawn."""

    id = "plugin-view-failed"
    action = Action.OPEN_SETTINGS
    what = "The page {name} of a plugin could not be drawn."
    why = "{error}. The log of the dashboard has the details; nothing else is concerned."
    fix = "Update or uninstall the plugin, or add {name} to the setting plugins_disabled."
