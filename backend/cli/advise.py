"""peft-studio advise: the smallest change that makes a run fit into memory, or one that makes it faster."""

import json
from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, leave, print_json
from backend.domain.fit_proposals import Advice, Goal, Proposal
from backend.domain.memory_fit import device_words, memory_words, range_words
from backend.domain.run_config import RunConfig
from backend.errors import EXIT_CONFIGURATION, ProcessError
from backend.services.bundle import Services

WAIT_SECONDS = 2.0
GIGABYTE = 1_000_000_000


class RoomUnknown(ProcessError):
    """Nobody tells how much memory a run may take."""

    id = "memory-room-unknown"
    what = "How much memory the run may take is not known."
    why = "The driver of the device does not tell it."
    fix = "Say it: --room 16 for 16 GB."


def advise(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="RUN.yaml", help="The order that is to fit.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one value; may be repeated.")
    ] = None,
    room: Annotated[
        float | None, typer.Option(min=0.001, metavar="GB", help="What it may take, instead of what is free now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Propose changes that keep the rows of a step. Exit code 78 if it does not fit and nothing was found."""
    services = of(ctx).services
    order = services.configs.read(config, overrides or ())
    base = config.absolute().parent
    advice = wait_for_advice(services, order, base, None if room is None else round(room * GIGABYTE), is_quiet=as_json)
    if as_json:
        print_json(told(advice))
    else:
        _print(advice, config)
    leave(EXIT_CONFIGURATION if advice.goal is Goal.FIT and not advice.proposals else 0)


def wait_for_advice(
    services: Services, order: RunConfig, base: Path, room_bytes: int | None, *, is_quiet: bool
) -> Advice:
    """All of it, however long the forecasts take. Raises RoomUnknown, and what the forecast of the order says."""
    advice = services.advice.fit.look(order, base, room_bytes)
    while advice is not None and not advice.is_over:
        if not is_quiet:
            typer.echo(f"Forecast {advice.num_forecasts + 1} is being made", err=True)
        told_so_far = advice.num_forecasts
        while advice is not None and not advice.is_over and advice.num_forecasts == told_so_far:
            advice = services.advice.fit.ask(order, base, WAIT_SECONDS, room_bytes)
    if advice is None:
        raise RoomUnknown
    return advice


def told(advice: Advice) -> dict[str, object]:
    """Advice as JSON."""
    return {
        "goal": advice.goal.value,
        "room_bytes": advice.room_bytes,
        "now": advice.now.model_dump(mode="json", exclude={"trace"}) if advice.now else None,
        "smallest_bytes": advice.smallest.high_bytes if advice.smallest else None,
        "num_forecasts": advice.num_forecasts,
        "proposals": [
            {
                "changes": proposal.changes,
                "words": proposal.words,
                "reason": proposal.reason,
                "cost": proposal.cost,
                "is_certain": proposal.is_certain,
                "forecast": proposal.forecast.model_dump(mode="json", exclude={"trace"}),
            }
            for proposal in advice.proposals
        ],
    }


def _print(advice: Advice, config: Path) -> None:
    room = memory_words(advice.room_bytes)
    if advice.now is None:
        typer.echo("How much memory it takes could not be forecast; look into logs/forecast.log in the workspace.")
        return
    where = device_words(advice.now.device)
    typer.echo(f"It takes {range_words(advice.now)} of {where}, and may take {room}.")
    typer.echo(_verdict(advice))
    for number, proposal in enumerate(advice.proposals, 1):
        for line in _lines(number, proposal, config):
            typer.echo(line)


def _verdict(advice: Advice) -> str:
    match advice.goal:
        case Goal.NOTHING:
            return "It fits, and little is left over: nothing is proposed."
        case Goal.FASTER:
            many = "Much is free; these changes make it faster:" if advice.proposals else "Much is free."
            return many if advice.proposals else f"{many} Nothing is known that would make it faster."
        case _:
            smallest = "" if advice.smallest is None else f" The least was {range_words(advice.smallest)}."
            return "To make it fit:" if advice.proposals else f"Nothing was found that makes it fit.{smallest}"


def _lines(number: int, proposal: Proposal, config: Path) -> tuple[str, ...]:
    sure = "" if proposal.is_certain else " (likely, not surely)"
    words = " ".join(f"--set '{key}={json.dumps(value)}'" for key, value in proposal.changes.items())
    return (
        "",
        f"{number}. {proposal.words}",
        f"   Takes: {range_words(proposal.forecast)}{sure}",
        f"   Why: {proposal.reason}",
        f"   Costs: {proposal.cost}",
        f"   peft-studio train {config} {words}",
    )
