"""SettingState: one setting as a person sees it: its value, who gave it, and what can be done about it."""

from dataclasses import dataclass

from backend.spec import Parameter
from config.setting_fields import Effect, Group
from config.setting_layers import Source


@dataclass(frozen=True, slots=True)
class SettingState:
    """`key` is dotted. `value` is what holds now; `pending` what will hold after the next start, if that differs.

    `origin` is the variable or the file of the source. `fixed` says in a sentence why it cannot be changed here,
    "" if it can. `is_kept` tells that the workspace's studio.toml names it. Values are those of JSON.
    """

    key: str
    group: Group
    effect: Effect
    parameter: Parameter
    value: object
    default: object
    source: Source
    origin: str
    fixed: str = ""
    is_kept: bool = False
    pending: object = None
    is_pending: bool = False

    @property
    def is_default(self) -> bool:
        """Whether it is as the studio ships."""
        return self.value == self.default and not self.is_pending
