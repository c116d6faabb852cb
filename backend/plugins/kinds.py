"""What a plugin can add: the groups of entry points, and what an object of each has to be."""

from collections.abc import Mapping
from enum import StrEnum
from pkgutil import resolve_name

from backend.spec import Spec, members


class PluginKind(StrEnum):
    """A group of entry points."""

    METHODS = "peft_studio.methods"
    FORMATS = "peft_studio.formats"
    RECIPES = "peft_studio.recipes"
    QUANTIZATIONS = "peft_studio.quantizations"
    EXPORTERS = "peft_studio.exporters"
    EXECUTORS = "peft_studio.executors"
    VIEWS = "peft_studio.views"

    @property
    def noun(self) -> str:
        """One of them, as a person calls it."""
        return self.value.partition(".")[2].removesuffix("s")

    @property
    def article(self) -> str:
        """What stands before the noun."""
        return "an" if self.noun.startswith("e") else "a"


# Named, not imported: what these names stand for is built on top of this folder.
_UNIONS: Mapping[PluginKind, str] = {
    PluginKind.METHODS: "backend.methods:Method",
    PluginKind.FORMATS: "backend.data.formats:AnyFormat",
    PluginKind.RECIPES: "backend.recipes:Recipe",
    PluginKind.QUANTIZATIONS: "backend.quantization:Quantization",
    PluginKind.EXPORTERS: "backend.exporters:AnyExporter",
}
_BASES: Mapping[PluginKind, tuple[str, ...]] = {
    PluginKind.METHODS: ("backend.methods.base:PeftMethod", "backend.methods.whole:WholeMethod"),
    PluginKind.FORMATS: ("backend.data.formats.base:Format",),
    PluginKind.EXPORTERS: ("backend.exporters.base:Exporter",),
    PluginKind.EXECUTORS: ("backend.executors.local:LocalExecutor",),
}


def is_spec_kind(kind: PluginKind) -> bool:
    """Whether a person chooses one of these by its name in a run.yaml."""
    return kind in _UNIONS


def built_in(kind: PluginKind) -> tuple[type[Spec], ...]:
    """The choices of a kind that ship with the studio."""
    return members(resolve_name(_UNIONS[kind]), with_more=False)


def bases(kind: PluginKind) -> tuple[type, ...]:
    """The classes that a plugin's class must be derived from: where none are named, a choice that ships."""
    named = _BASES.get(kind)
    return tuple(resolve_name(name) for name in named) if named else built_in(kind)
