"""peft-studio doctor: is everything here that training needs?"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.audit import audit_lines, audit_now
from backend.cli.context import of
from backend.cli.machine_lines import machine_lines
from backend.cli.output import JSON_HELP, leave, print_json
from backend.domain.dependencies import DependencyCheck, Topic, Verdict
from backend.domain.diagnostic_parts import Part
from backend.domain.gpu_owners import program_owners
from backend.domain.pip_command import told
from backend.errors import EXIT_CONFIGURATION
from backend.launcher.ports import PORTS_TRIED, is_free
from backend.plugins.registry import Plugin, PluginState
from backend.services.cuda_truth import PATIENCE_SECONDS
from config.settings import Settings

_PLUGIN = ("kind", "name", "distribution", "version", "state", "error")
_WORDS = {
    Verdict.PASSES: "ok",
    Verdict.FAILS: "wrong",
    Verdict.MISSING: "missing",
    Verdict.WARNING: "warning",
    Verdict.ABSENT: "absent",  # the studio works without it
}


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    bundle: Annotated[
        Path | None, typer.Option(help="Write an archive (zip) for whoever is to help, without secrets.")
    ] = None,
    hub: Annotated[bool, typer.Option("--hub", help="Also ask the hub whether it answers: one request.")] = False,
    torch: Annotated[
        bool, typer.Option("--torch", help="Also ask torch whether it can use the GPUs: some seconds.")
    ] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Also look up known vulnerabilities: asks pypi.org about each package.")
    ] = False,
) -> None:
    """Check Python, packages, GPU, disk and settings; exit code 78 if something that training needs is missing."""
    context = of(ctx)
    services = context.services
    asking = services.cuda_truth.ask(PATIENCE_SECONDS, again=True) if torch else services.cuda_truth.state()
    report = services.dependencies.check_all()
    hardware = services.hardware.snapshot()
    plugins = services.plugins.list()
    written = services.diagnostics.write(bundle) if bundle is not None else ()
    answer = services.hub_check.ask() if hub else ""
    audited = audit_now(services, report.checks) if audit else None
    port = _port(context.settings)
    if as_json:
        found: dict[str, Any] = {"dependencies": asdict(report), "hardware": asdict(hardware)}
        found |= {"plugins": [{key: str(getattr(plugin, key)) for key in _PLUGIN} for plugin in plugins]}
        found |= {"torch": asking.truth and asking.truth.model_dump(mode="json"), "port": port}
        if bundle is not None:
            found["bundle"] = {"path": bundle, "parts": {part.name: part.size_bytes for part in written}}
        print_json(found | ({"hub": answer} if hub else {}) | ({"audit": asdict(audited)} if audited else {}))
    else:
        machine = machine_lines(hardware, asking, program_owners(hardware, services.status.active, os.getpid()))
        for line in (*machine, *_groups(report.checks), *_plugins(plugins), port, answer, *audit_lines(audited)):
            if line:
                typer.echo(line)
        for line in _bundle(bundle, written) if bundle is not None else ():
            typer.echo(line)
    if not report.all_passed:
        leave(EXIT_CONFIGURATION)


def _groups(checks: Sequence[DependencyCheck]) -> Iterator[str]:
    """Topic by topic."""
    for topic in Topic:
        mine = [check for check in checks if check.topic is topic]
        if mine:
            yield f"\n{topic}"
            yield from (line for check in mine for line in _lines(check))


def _lines(check: DependencyCheck) -> Iterator[str]:
    yield f"{_WORDS[check.verdict]:<8}{check.name} {check.version or ''}".rstrip()
    if check.error and (not check.passed or check.fix_instructions):
        yield f"        {check.error} {check.fix_instructions or ''}".rstrip()
    offer = f" {told(check.fix_command)}" if check.fix_command and not check.fix_instructions else ""
    if check.note or offer:
        yield f"        {check.note}{offer}"


def _plugins(plugins: Sequence[Plugin]) -> Iterator[str]:
    if plugins:
        yield "\nPlugins"
    yield from (line for plugin in plugins for line in _plugin(plugin))


def _plugin(plugin: Plugin) -> Iterator[str]:
    """One that cannot be used keeps nothing else from working, so it does not change the exit code."""
    verdict = {PluginState.LOADED: "ok", PluginState.FAILED: "wrong", PluginState.DISABLED: "off"}[plugin.state]
    yield f"{verdict:<8}{plugin.kind.noun} {plugin.name}, plugin of {plugin.distribution} {plugin.version}".rstrip()
    if problem := plugin.problem():
        yield f"        {problem.why} {problem.fix}"


def _port(settings: Settings) -> str:
    """Where the dashboard would be served that is started now."""
    first, last = settings.port, min(settings.port + PORTS_TRIED - 1, 65535)
    free = next((port for port in range(first, last + 1) if is_free(settings.host, port)), None)
    if free is None:
        return f"\nwarning Ports {first} to {last} are in use: a dashboard could not be started. Set PEFT_STUDIO_PORT."
    taken = "" if free == first else f" Port {first} is in use, perhaps by a dashboard that runs."
    return f"\nA dashboard that is started now is served on port {free}.{taken}"


def _bundle(path: Path, parts: Sequence[Part]) -> Iterator[str]:
    yield f"\nThe archive {path} holds, without secrets as far as they can be known:"
    for part in parts:
        yield f"  {part.name:<28} {part.size_bytes:>9,} bytes  {part.about}"
    yield "Read it before you hand it on: logs may quote rows of a dataset."
