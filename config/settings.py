"""Settings: how this installation behaves. init > environment > .env > studio.toml > profile > defaults."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from config.feature_flags import FeatureFlags
from config.folders import Folders, in_url
from config.layered_settings import default_workspace
from config.setting_fields import Effect, Group, setting
from config.setting_layers import PREFIX, start_folder

__all__ = ["PREFIX", "FeatureFlags", "Settings"]
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)")


class Settings(Folders):
    """Every setting, with its environment variable PEFT_STUDIO_<NAME>. Read by composition roots only."""

    environment: Literal["dev", "prod"] = setting(
        Group.STUDIO, Effect.NOW, default="prod", description="The profile whose values stand below all other sources."
    )
    workspace: Path = setting(
        Group.STUDIO,
        Effect.NEXT_START,
        default_factory=default_workspace,
        description="Folder with runs, store, uploads and the demo model.",
    )
    store_url: str = setting(
        Group.STUDIO,
        Effect.NEXT_START,
        default="",
        description="SQLAlchemy URL of the store; empty means SQLite in the workspace.",
    )
    debug: bool = setting(
        Group.STUDIO, Effect.NOW, default=False, description="More lines in the log of the dashboard."
    )
    desktop_notifications: bool = setting(
        Group.STUDIO,
        Effect.NOW,
        default=False,
        description="While a page is open in the background, the browser tells on this machine when a run ends, fails "
        "or needs somebody; it asks you once whether it may.",
    )
    log_format: Literal["text", "json"] = setting(
        Group.STUDIO,
        Effect.NOW,
        default="text",
        description="Lines of the dashboard's log: text for people, or one JSON object each. "
        "Those of its launcher follow at the next start.",
    )
    host: str = setting(
        Group.STUDIO,
        Effect.NEXT_START,
        default="127.0.0.1",
        description="Address the dashboard listens on; loopback unless you know why not.",
    )
    port: int = setting(
        Group.STUDIO,
        Effect.NEXT_START,
        default=8000,
        ge=1,
        le=65535,
        description="First port tried; the ten following are tried if it is taken.",
    )
    stop_grace_seconds: float = setting(
        Group.RUNS,
        Effect.NEXT_RUN,
        default=30.0,
        gt=0,
        description="Time a trainer has to write a checkpoint before it is killed.",
    )
    max_failures: int = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=3,
        ge=1,
        description="So many failures in a row without a new checkpoint are tried again.",
    )
    backoff_seconds: tuple[float, ...] = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=(0.0, 1.0, 2.0),
        description="Waits before the restarts, each up to a quarter longer by chance; the last one repeats.",
    )
    hang_loading_seconds: float = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=3600.0,
        gt=0,
        description="Loading, building the demo model and preparing the data may go this long without a heartbeat.",
    )
    hang_training_seconds: float = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=600.0,
        gt=0,
        description="A step may take this long before the trainer counts as hanging.",
    )
    hang_evaluating_seconds: float = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=3600.0,
        gt=0,
        description="An evaluation may go this long without a heartbeat.",
    )
    hang_saving_seconds: float = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=3600.0,
        gt=0,
        description="Writing a checkpoint may go this long without a heartbeat.",
    )
    hang_ending_seconds: float = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=3600.0,
        gt=0,
        description="Writing the result may go this long without a heartbeat.",
    )
    standby: bool = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=True,
        description="Keep a process with everything imported beside a running trainer, to take over within seconds.",
    )
    standby_after_seconds: float = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=5.0,
        ge=0,
        description="A run has to train this long before its standby is started.",
    )
    standby_min_free_bytes: int = setting(
        Group.FAILURES,
        Effect.NEXT_RUN,
        default=2_000_000_000,
        ge=0,
        description="A standby is given up when less memory than this is available.",
    )
    spare: bool = setting(
        Group.RUNS,
        Effect.NOW,
        default=True,
        description="While the dashboard is open, keep a supervisor and a trainer with everything imported, which "
        "start the next run within seconds; not while memory is short (standby_min_free_bytes).",
    )
    log_max_bytes: int = setting(
        Group.RUNS,
        Effect.NEXT_RUN,
        default=50_000_000,
        ge=4096,
        description="Largest log of an attempt; of a longer one the beginning and the newest lines are kept.",
    )
    min_free_bytes: int = setting(
        Group.RUNS,
        Effect.NEXT_RUN,
        default=200_000_000,
        ge=0,
        description="A run is paused before its next checkpoint would leave less than this free on its disk.",
    )
    after_reboot: Literal["resume", "ask", "leave"] = setting(
        Group.RUNS,
        Effect.NOW,
        default="resume",
        description="What becomes of active runs when the machine was restarted: they go on (resume), wait for you "
        "(ask) or are stopped (leave).",
    )
    energy_price_per_kwh: float = setting(
        Group.RUNS,
        Effect.NEXT_RUN,
        default=0.0,
        ge=0,
        description="Price of a kilowatt-hour; 0 shows no cost. Runs then have the curve system/energy_cost, where "
        "power can be measured.",
    )
    energy_currency: str = setting(
        Group.RUNS, Effect.NEXT_RUN, default="", max_length=20, description="Currency of that price, such as EUR."
    )
    tensorboard_idle_minutes: float = setting(
        Group.MACHINE,
        Effect.NOW,
        default=15.0,
        gt=0,
        description="A TensorBoard that nobody has looked at for so long is stopped.",
    )
    chat_idle_seconds: float = setting(
        Group.MACHINE, Effect.NEXT_CHAT, default=600.0, gt=0, description="A chat model unused this long is unloaded."
    )
    trainer_threads: int = setting(
        Group.RUNS, Effect.NEXT_RUN, default=0, ge=0, description="CPU threads of a trainer; 0 lets torch choose."
    )
    cpu_slots: int = setting(
        Group.RUNS, Effect.NOW, default=1, ge=1, le=64, description="So many runs train on the processor at a time."
    )
    max_upload_bytes: int = setting(
        Group.DATA,
        Effect.NEXT_START,
        default=2_000_000_000,
        gt=0,
        description="Largest dataset that may be uploaded in the browser.",
    )
    curve_cache_max_bytes: int = setting(
        Group.MACHINE,
        Effect.NOW,
        default=1_000_000_000,
        ge=0,
        description="Largest size of what is kept of the curves of runs that no longer change, so that they open at "
        "once; what was not used for longest goes first. 0 keeps nothing.",
    )
    dashboard_memory_limit_bytes: int = setting(
        Group.MACHINE,
        Effect.NOW,
        default=1_000_000_000,
        gt=0,
        description="The Machine page warns when the dashboard itself takes more memory.",
    )
    hub_offline: bool = setting(Group.DATA, Effect.NOW, default=False, description="Never look for models on the hub.")
    installs: bool = setting(
        Group.MACHINE,
        Effect.NOW,
        default=True,
        description="Offer to install missing packages from the Machine page, after showing the command.",
    )

    executor: str = setting(
        Group.RUNS,
        Effect.NEXT_START,
        "local",
        min_length=1,
        description="What starts supervisors and trainers; plugins can add others.",
    )
    plugins_disabled: tuple[str, ...] = setting(
        Group.FEATURES,
        Effect.NEXT_START,
        (),
        description="Names of plugins, or of packages with plugins, that are not loaded.",
    )
    flags: FeatureFlags = Field(default_factory=FeatureFlags, description="What is switched on and off.")

    @field_validator("workspace", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise ValueError("name a folder; an empty value would make the current folder the workspace")
        return value

    @field_validator("workspace")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return start_folder() / value.expanduser()

    @field_validator("store_url")
    @classmethod
    def _anchored(cls, value: str) -> str:
        """A relative SQLite file means the same to programs that run in other folders."""
        found = _RELATIVE_SQLITE.match(value)
        return f"{found[1]}{in_url(start_folder())}/{found[2]}" if found else value

    @property
    def plugins_off(self) -> tuple[str, ...]:
        """The plugins and packages that are not loaded; "*" stands for all."""
        return self.plugins_disabled if self.flags.plugins else ("*",)
