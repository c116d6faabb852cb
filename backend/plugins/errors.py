"""What is told of a plugin that cannot be used."""

from backend.errors import Action, ConfigurationError


class PluginUnusable(ConfigurationError):
    """An installed plugin that fails to load, has the wrong interface, or takes a name that is taken."""

    id = "plugin-unusable"
    action = Action.OPEN_SETTINGS
    what = "The {noun} {name} of the package {distribution} cannot be used; everything else works."
    why = "{error}."
    fix = "Update or uninstall the package, or add {name} to the setting plugins_disabled."
