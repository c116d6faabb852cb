"""peft-studio doctor: is everything here that training needs?"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, leave, print_json
from backend.domain.dependencies import DependencyCheck
from backend.domain.machine import HardwareSnapshot
from backend.errors import EXIT_CONFIGURATION
from backend.plugins.registry import Plugin, PluginState

_PLUGIN = ("kind", "name", "distribution", "version", "state", "error")


def doctor(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """Check Python, packages, GPU and disk; exit code 78 if something that training needs is missing."""
    services = of(ctx).services
    report = services.dependencies.check_all()
    hardware = services.hardware.snapshot()
    plugins = services.plugins.list()
    if as_json:
        told = [{key: str(getattr(plugin, key)) for key in _PLUGIN} for plugin in plugins]
        print_json({"dependencies": asdict(report), "hardware": asdict(hardware), "plugins": told})
    else:
        for line in (*_machine(hardware), *(line for check in report.checks for line in _lines(check))):
            typer.echo(line)
        for line in (line for plugin in plugins for line in _plugin(plugin)):
            typer.echo(line)
    if not report.all_passed:
        leave(EXIT_CONFIGURATION)


def _lines(check: DependencyCheck) -> Iterator[str]:
    yield f"{_verdict(check):<8}{check.name} {check.version or ''}".rstrip()
    if not check.passed or check.fix_instructions:
        yield f"        {check.error} {check.fix_instructions or ''}".rstrip()


def _plugin(plugin: Plugin) -> Iterator[str]:
    """One that cannot be used keeps nothing else from working, so it does not change the exit code."""
    verdict = {PluginState.LOADED: "ok", PluginState.FAILED: "wrong", PluginState.DISABLED: "off"}[plugin.state]
    yield f"{verdict:<8}{plugin.kind.noun} {plugin.name}, plugin of {plugin.distribution} {plugin.version}".rstrip()
    if problem := plugin.problem():
        yield f"        {problem.why} {problem.fix}"


def _verdict(check: DependencyCheck) -> str:
    if check.error is None:
        return "ok"
    if check.installed:
        return "wrong"
    return "missing" if check.required else "absent"  # the studio works without it


def _machine(now: HardwareSnapshot) -> Iterator[str]:
    """Sizes in decimal gigabytes."""
    yield f"cpu     {now.cpu.model}, {now.cpu.usable_cores} usable cores"
    yield f"memory  {now.memory.available_bytes / 1e9:.1f} GB available of {now.memory.total_bytes / 1e9:.1f} GB"
    yield f"disk    {now.disk.free_bytes / 1e9:.1f} GB free of {now.disk.total_bytes / 1e9:.1f} GB at {now.disk.path}"
    for gpu in now.gpus:
        yield f"gpu {gpu.index}   {gpu.name}"
