"""Settings: how this installation behaves. init > environment > .env > studio.toml > profile > defaults."""

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "PEFT_STUDIO_"
_SECRETS = (".ssh", ".gnupg", ".aws", ".kube", ".docker", ".config")
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)")
PROFILES: dict[str, dict[str, Any]] = {
    "prod": {"debug": False},
    "dev": {"debug": True},
}


class Settings(BaseSettings):
    """Every setting, with its environment variable PEFT_STUDIO_<NAME>. Read by composition roots only."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        toml_file="studio.toml",
        extra="ignore",
        frozen=True,
    )

    environment: Literal["dev", "prod"] = Field(
        default="prod", description="The profile whose values stand below all other sources."
    )
    workspace: Path = Field(
        default_factory=lambda: Path.home() / ".peft-studio",
        description="Folder with runs, store, uploads and the demo model.",
    )
    store_url: str = Field(default="", description="SQLAlchemy URL of the store; empty means SQLite in the workspace.")
    debug: bool = Field(default=False, description="More log lines, and details beside errors.")
    host: str = Field(
        default="127.0.0.1", description="Address the dashboard listens on; loopback unless you know why not."
    )
    port: int = Field(
        default=8000,
        ge=1,
        le=65535,
        description="First port tried; the ten following are tried if it is taken.",
    )
    stop_grace_seconds: float = Field(
        default=30.0, gt=0, description="Time a trainer has to write a checkpoint before it is killed."
    )
    max_failures: int = Field(
        default=3, ge=1, description="So many failures in a row without a new checkpoint are tried again."
    )
    backoff_seconds: tuple[float, ...] = Field(
        default=(0.0, 1.0, 2.0),
        description="Waits before the restarts, each up to a quarter longer by chance; the last one repeats.",
    )
    hang_loading_seconds: float = Field(
        default=3600.0,
        gt=0,
        description="Loading, building the demo model and preparing the data may go this long without a heartbeat.",
    )
    hang_training_seconds: float = Field(
        default=600.0, gt=0, description="A step may take this long before the trainer counts as hanging."
    )
    hang_evaluating_seconds: float = Field(
        default=3600.0, gt=0, description="An evaluation may go this long without a heartbeat."
    )
    hang_saving_seconds: float = Field(
        default=3600.0, gt=0, description="Writing a checkpoint may go this long without a heartbeat."
    )
    hang_ending_seconds: float = Field(
        default=3600.0, gt=0, description="Writing the result may go this long without a heartbeat."
    )
    standby: bool = Field(
        default=True,
        description="Keep a process with everything imported beside a running trainer, to take over within seconds.",
    )
    standby_after_seconds: float = Field(
        default=5.0, ge=0, description="A run has to train this long before its standby is started."
    )
    standby_min_free_bytes: int = Field(
        default=2_000_000_000,
        ge=0,
        description="A standby is given up when less memory than this is available.",
    )
    spare: bool = Field(
        default=True,
        description="While the dashboard is open, keep a supervisor and a trainer with everything imported, which "
        "start the next run within seconds; not while memory is short (standby_min_free_bytes).",
    )
    log_max_bytes: int = Field(
        default=50_000_000,
        ge=4096,
        description="Largest log of an attempt; of a longer one the beginning and the newest lines are kept.",
    )
    min_free_bytes: int = Field(
        default=200_000_000,
        ge=0,
        description="A run is paused before its next checkpoint would leave less than this free on its disk.",
    )
    after_reboot: Literal["resume", "ask", "leave"] = Field(
        default="resume",
        description="What becomes of active runs when the machine was restarted: they go on (resume), wait for you "
        "(ask) or are stopped (leave).",
    )
    energy_price_per_kwh: float = Field(
        default=0.0,
        ge=0,
        description="Price of a kilowatt-hour; 0 shows no cost. Runs then have the curve system/energy_cost, where "
        "power can be measured.",
    )
    energy_currency: str = Field(default="", max_length=20, description="Currency of that price, such as EUR.")
    tensorboard_idle_minutes: float = Field(
        default=15.0, gt=0, description="A TensorBoard that nobody has looked at for so long is stopped."
    )
    chat_idle_seconds: float = Field(default=600.0, gt=0, description="A chat model unused this long is unloaded.")
    trainer_threads: int = Field(default=0, ge=0, description="CPU threads of a trainer; 0 lets torch choose.")
    cpu_slots: int = Field(default=1, ge=1, le=64, description="So many runs train on the processor at a time.")
    max_upload_bytes: int = Field(
        default=2_000_000_000, gt=0, description="Largest dataset that may be uploaded in the browser."
    )
    curve_cache_max_bytes: int = Field(
        default=1_000_000_000,
        ge=0,
        description="Largest size of what is kept of the curves of runs that no longer change, so that they open at "
        "once; what was not used for longest goes first. 0 keeps nothing.",
    )
    dashboard_memory_limit_bytes: int = Field(
        default=1_000_000_000, gt=0, description="The Machine page warns when the dashboard itself takes more memory."
    )
    hub_offline: bool = Field(default=False, description="Never look for models on the hub.")

    @field_validator("workspace", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise ValueError("name a folder; an empty value would make the current folder the workspace")
        return value

    @field_validator("workspace")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("store_url")
    @classmethod
    def _anchored(cls, value: str) -> str:
        """A relative SQLite file means the same to programs that run in other folders."""
        found = _RELATIVE_SQLITE.match(value)
        return f"{found[1]}{_in_url(Path.cwd())}/{found[2]}" if found else value

    @property
    def runs_folder(self) -> Path:
        """One folder per run."""
        return self.workspace / "runs"

    @property
    def datasets_folder(self) -> Path:
        """Uploads."""
        return self.workspace / "datasets"

    @property
    def models_folder(self) -> Path:
        """The demo model."""
        return self.workspace / "models"

    @property
    def cache_folder(self) -> Path:
        """What was computed from datasets and event files; it may be deleted at any time."""
        return self.workspace / "cache"

    @property
    def engine_state_file(self) -> Path:
        """Where the launcher tells of the dashboard."""
        return self.workspace / "engine_state.json"

    @property
    def presets_folder(self) -> Path:
        """People's own presets."""
        return self.workspace / "presets"

    @property
    def chats_folder(self) -> Path:
        """Conversations, prompt sets and what models answered to them."""
        return self.workspace / "chats"

    @property
    def curve_cache_folder(self) -> Path:
        """Curves of runs that no longer change."""
        return self.cache_folder / "curves"

    @property
    def private_folders(self) -> tuple[Path, ...]:
        """Folders with the studio's own files, or with a person's keys and tokens."""
        hub = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        return (self.workspace, hub, *(Path.home() / name for name in _SECRETS))

    @property
    def trash_folder(self) -> Path:
        """Deleted runs."""
        return self.workspace / "trash"

    @property
    def url(self) -> str:
        """The store's SQLAlchemy URL."""
        return self.store_url or f"sqlite:///{_in_url(self.workspace / 'studio.db')}"

    def as_environment(self) -> dict[str, str]:
        """Variables that give a child program these very settings, wherever it starts."""
        return _variables(self.model_dump(mode="json"))

    def as_changed_environment(self) -> dict[str, str]:
        """The workspace, and what differs from the defaults, for what is to outlive this version of the studio."""
        return _variables(self.model_dump(mode="json", exclude_defaults=True) | {"workspace": str(self.workspace)})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - signature of BaseSettings
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Highest priority first; the profile is chosen by the highest source that names one."""
        toml = TomlConfigSettingsSource(settings_cls)
        named = (init_settings, env_settings, dotenv_settings, toml)
        return (*named, _ProfileSource(settings_cls, named))


def _variables(values: dict[str, Any]) -> dict[str, str]:
    return {
        PREFIX + name.upper(): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
    }


def _in_url(path: Path) -> str:
    """A path as SQLAlchemy 2.1 reads it back from a URL: it decodes %XX, and a question mark begins options."""
    return str(path).replace("%", "%25").replace("?", "%3F")


class _ProfileSource(PydanticBaseSettingsSource):
    """The values of the environment profile that the sources above it name."""

    def __init__(self, settings_cls: type[BaseSettings], above: tuple[PydanticBaseSettingsSource, ...]) -> None:
        super().__init__(settings_cls)
        self._above = above

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Not used: `__call__` gives all values at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The profile's values; an unknown name gives none, and validation then names it."""
        chosen = next((found["environment"] for source in self._above if "environment" in (found := source())), "prod")
        return dict(PROFILES.get(str(chosen), {}))
