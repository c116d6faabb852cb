"""peft-studio methods: what can be chosen, and with which knobs."""

from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.output import JSON_HELP, print_json
from backend.methods import Method
from backend.spec import Spec, members


def methods(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """The PEFT methods with their parameters."""
    found = members(Method)
    if as_json:
        print_json([_json(method) for method in found])
        return
    for method in found:
        card = method.card
        mark = " (recommended)" if card.recommended else ""
        mark = f" (not available: {card.unavailable})" if card.unavailable else mark
        typer.echo(f"{method.spec_name()}: {card.title}{mark}\n  {card.summary} {card.use_when}\n  {card.paper}")
        for knob in method.parameters():
            typer.echo(f"    {knob.name} = {knob.default}  {knob.help}")


def _json(method: type[Spec]) -> dict[str, object]:
    parameters = [asdict(parameter) for parameter in method.parameters()]
    card = asdict(method.card) | {"works_quantized": method.card.works_quantized}
    return {"name": method.spec_name(), **card, "parameters": parameters}
