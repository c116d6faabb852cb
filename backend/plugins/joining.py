"""How choices of plugins join those that ship: in validation, in lists, and in what is written."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

from backend.plugins.kinds import PluginKind, built_in
from backend.plugins.registry import PluginState, registry
from backend.spec import More, Spec


def plugged(kind: PluginKind) -> tuple[type[Spec], ...]:
    """The choices of a kind that plugins give."""
    return tuple(cast(type[Spec], plugin.found) for plugin in registry().loaded(kind))


class Joined(More):
    """Annotates a union of specs: `Annotated[A | B, Field(discriminator="name"), Joined(kind)]`.

    Plugins are loaded when a list of all choices, or a name that none of ours has, is asked for.
    """

    def __init__(self, kind: PluginKind) -> None:
        self._kind = kind

    def specs(self) -> tuple[type[Spec], ...]:
        """Further specs of the union."""
        return plugged(self._kind)

    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(spec.spec_name() for spec in self.specs())

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._validated, handler(source), serialization=core_schema.simple_ser_schema("any")
        )

    def _validated(self, value: object, handler: Callable[[object], Any]) -> Any:  # noqa: ANN401 - of the union
        name = value.get("name") if isinstance(value, Mapping) else getattr(value, "name", None)
        if name in {spec.spec_name() for spec in built_in(self._kind)}:
            return handler(value)
        for spec in self.specs():
            if spec.spec_name() == name:
                return _validator(spec).validate_python(value)
        complain(self._kind, name)
        return handler(value)


class JoinedName(Joined):
    """The same for a field that holds only the name: `Annotated[Literal["a", "b"], JoinedName(kind)]`."""

    def _validated(self, value: object, handler: Callable[[object], Any]) -> Any:  # noqa: ANN401 - a name
        known = {spec.spec_name() for spec in built_in(self._kind)}
        if not isinstance(value, str) or value in known or value == "auto":
            return handler(value)
        if value in self.names():
            return value
        complain(self._kind, value)
        return handler(value)


@cache
def _validator(spec: type[Spec]) -> SchemaValidator:
    """As one of a union, so that problems have the same place as with ours: method.NAME.KNOB."""
    choices = {spec.spec_name(): spec.__pydantic_core_schema__}
    return SchemaValidator(core_schema.tagged_union_schema(choices, discriminator="name"))


def complain(kind: PluginKind, name: object) -> None:
    """Raise what is known of a plugin that should have given this name."""
    for plugin in registry().plugins(kind):
        if plugin.name == name and plugin.state is not PluginState.LOADED:
            told = {"noun": kind.noun, "name": name, "by": plugin.distribution, "why": plugin.error or "it is disabled"}
            message = "the {noun} {name} of the plugin {by} cannot be used: {why}"
            raise PydanticCustomError("plugin_not_loaded", message, told)
