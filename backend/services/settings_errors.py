"""What SettingsService refuses, and how to go on."""

from backend.errors import Action, ConfigurationError, StorageError, UsageError


class SettingUnknown(UsageError):
    """A name that no setting has."""

    id = "setting-unknown"
    action = Action.OPEN_SETTINGS
    what = "There is no setting {key}."
    why = "The reference of settings does not list it."
    fix = "Look the name up on the Settings page."


class SettingFixed(UsageError):
    """A setting that goes by something above studio.toml, so that writing it would change nothing."""

    id = "setting-fixed"
    what = "The setting {key} was not changed."
    why = "{why}"
    fix = "Change it there, and start the studio again if it is an environment variable or an argument."


class SettingInvalid(ConfigurationError):
    """A value that is out of bounds or of another kind."""

    id = "setting-invalid"
    what = "The setting {key} was not changed."
    why = "The value cannot be used: {problem}."
    fix = "Give a value within the bounds that are shown beside it."


class SettingsNotKept(StorageError):
    """studio.toml could not be written."""

    id = "settings-not-kept"
    what = "The settings were not kept in {path}."
    why = "{reason}."
    fix = "Make room on the disk, or give yourself the right to write there."


class SettingsFileInvalid(ConfigurationError):
    """A file of settings that was changed while the studio runs, and cannot be used."""

    id = "settings-file-invalid"
    action = Action.OPEN_SETTINGS
    what = "The changed settings are not used; those from before hold."
    why = "{problems}."
    fix = "Correct the named file; it is read again when it changes."
