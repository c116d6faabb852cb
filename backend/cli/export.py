"""peft-studio export: the result of a run as files that other programs load."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json, print_table
from backend.services.bundle import Services
from backend.services.errors import ConfigInvalid
from config.yaml_files import YamlError, parse_yaml


def export(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    kind: Annotated[
        str | None, typer.Option("--as", help="merged, adapter, or a plugin's; without it the kinds are listed.")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the folder below exports/; the kind suggests one.")] = "",
    knobs: Annotated[
        list[str] | None, typer.Option("--set", help="A knob of the kind, such as dtype=bfloat16.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Write base and adapter as one model, or the adapter as a zip; verified, whole or not at all."""
    services = of(ctx).services
    if kind is None:
        _list(services, run_id, as_json=as_json)
        return
    exporter = services.exports.exporter(kind, dict(map(_knob, knobs or ())))
    told: list[str] = []

    def say(said: str) -> None:
        if said and said not in told[-1:]:
            told.append(said)
            if not as_json:
                typer.echo(f"{said} ...", err=True)

    done = services.exports.export(services.exports.order(run_id, exporter, name), say)
    if as_json:
        print_json(done.to_json())
        return
    assert done.record is not None, "the program has just told it"
    typer.echo(f"{done.folder}\n{done.size_bytes:,} bytes. {done.record.verified.told}")


def _list(services: Services, run_id: str, *, as_json: bool) -> None:
    """What is possible, and what was exported."""
    offers, found = services.exports.offers(run_id), services.exports.look(run_id)
    if as_json:
        kinds = [{"name": one.name, "title": one.kind.card.title, "refusal": one.refusal} for one in offers]
        print_json({"id": run_id, "kinds": kinds, "exports": [one.to_json() for one in found]})
        return
    print_table(("AS", "WHAT"), [(one.name, one.refusal or one.kind.card.summary) for one in offers])
    if found:
        print_table(("EXPORT", "BYTES", "FOLDER"), [(one.name, one.size_bytes, one.folder) for one in found])


def _knob(text: str) -> tuple[str, object]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigInvalid(problems=f"--set {text!r} is not of the form knob=value")
    try:
        return key.strip(), parse_yaml(value)
    except YamlError as error:
        raise ConfigInvalid(problems=f"--set {text!r}: {error}") from error
