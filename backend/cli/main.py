"""peft-studio: the command line over the same services as the dashboard."""

import gc
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from backend.cli import (
    advise,
    chat,
    compare,
    curves,
    data,
    demo,
    doctor,
    explain,
    export,
    look_after,
    memory,
    methods,
    presets,
    queue,
    reindex,
    run_branches,
    service,
    suggest,
    sweep,
    tensorboard,
    train,
    ui,
)
from backend.cli.context import Context
from backend.cli.output import print_error
from backend.containers import build_container
from backend.errors import EXIT_SOFTWARE, StudioError
from backend.services.error_handler import Edge

app = typer.Typer(
    name="peft-studio",
    help="Fine-tune language models on this machine: runs survive crashes, numbers are measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 the run did not finish or you said no, 2 wrong words, 64 wrong use, 69 a program is "
    "unavailable, 70 internal error, 74 storage, 78 wrong configuration or data, 130 left with Ctrl-C.",
)
app.command("ui")(ui.ui)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("sweep")(sweep.sweep)
app.command("advise")(advise.advise)
app.command("suggest")(suggest.suggest)
app.add_typer(run_branches.app, name="runs")
run_branches.app.command("look-after")(look_after.look_after)
app.add_typer(queue.app, name="queue")
app.add_typer(data.app, name="data")
app.command("curves")(curves.curves)
app.command("compare")(compare.compare)
app.command("tensorboard")(tensorboard.tensorboard)
app.command("memory")(memory.memory)
app.command("methods")(methods.methods)
app.command("presets")(presets.presets)
app.command("chat")(chat.chat)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("explain")(explain.explain)
app.command("reindex")(reindex.reindex)
app.add_typer(service.app, name="service")


def _say_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(version("peft-studio"))
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option(help="Folder with runs, store and uploads, anywhere on the line (or PEFT_STUDIO_WORKSPACE)."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Make the context of the command."""
    context = Context(workspace)
    ctx.obj = context
    ctx.call_on_close(context.close)


def run(arguments: Sequence[str] | None = None) -> None:
    """The program's outermost frame: a StudioError becomes three sentences and its exit code."""
    if arguments is None:
        gc.freeze()  # modules live as long as we: no collection need look at them, not even the last one
    words = _workspace_first(list(sys.argv[1:] if arguments is None else arguments))
    as_json = "--json" in words
    try:
        app(words, standalone_mode=True)
    except Exception as error:  # noqa: BLE001 - the outermost frame
        edge = Edge(present=lambda incident: print_error(incident, as_json=as_json), quiet=True)
        build_container().errors().handle(error, "run a command", edge, may_repeat=False)
        sys.exit(error.exit_code if isinstance(error, StudioError) else EXIT_SOFTWARE)


def _workspace_first(words: list[str]) -> list[str]:
    """Allow --workspace anywhere, as people write it: before or after the command."""
    for i, word in enumerate(words):
        if word == "--":
            break
        if word == "--workspace" and i + 1 < len(words):
            return [word, words[i + 1], *words[:i], *words[i + 2 :]]
        if word.startswith("--workspace="):
            return [word, *words[:i], *words[i + 1 :]]
    return words
