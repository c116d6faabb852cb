"""Programs whose every line other tests measure as well: for them, coverage would only cost time."""

from collections.abc import Mapping


def untraced(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that coverage shall not trace.

    Tracing makes a trainer's imports and steps a third slower, and that of a program that is killed is lost anyway.
    """
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}
