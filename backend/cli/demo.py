"""peft-studio demo: a whole fine-tune in the terminal, offline, with the proof that it learned."""

from typing import Annotated

import typer

from backend.cli.chat import answer, messages
from backend.cli.context import of
from backend.cli.output import JSON_HELP, leave, print_json
from backend.cli.progress import follow
from backend.domain.application_state import ChatSettings
from backend.domain.chat_sides import Side
from backend.domain.run_directory import RunDirectory
from backend.services.bundle import Services
from config.catalog import preset_path
from config.demo import DEMO_QUESTION


def demo(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """Fine-tune the demo model to its end, and ask base and tuned model the same question."""
    services = of(ctx).services
    path = preset_path("demo")
    run = services.training.start(services.configs.read(path), path.parent)
    if not as_json:
        typer.echo("The demo pretrains a tiny model on first use, then fine-tunes it. Nothing leaves this machine.")
        typer.echo(f"Run {run.id}\n")
    code = follow(services, run.id, is_quiet=as_json)
    if code:
        leave(code)
    result = _result(services, run.id)
    if as_json:
        print_json(result)
        return
    typer.echo(f"\nloss on rows it never trained on: {result['loss_before']:.3f} -> {result['loss_after']:.3f}")
    typer.echo(f"\nQuestion     {result['question']}")
    typer.echo(f"Base model   {result['base_answer']}")
    typer.echo(f"Tuned model  {result['tuned_answer']}")
    typer.echo(f"\nAdapter      {result['adapter']}\nDashboard    peft-studio ui")


def _result(services: Services, run_id: str) -> dict[str, object]:
    folder = RunDirectory(services.status.show(run_id).run.run_dir)
    losses = services.curves.curves(folder.tensorboard).series["eval/loss"].values
    settings, question = ChatSettings(max_new_tokens=48, temperature=0.0, seed=0), messages(DEMO_QUESTION)
    base, tuned = (answer(services, run_id, side, question, settings)[0] for side in (Side(), Side(run_id)))
    return {
        "id": run_id,
        "loss_before": float(losses[0]),
        "loss_after": float(losses[-1]),
        "question": DEMO_QUESTION,
        "base_answer": " ".join(base.split()),
        "tuned_answer": " ".join(tuned.split()),
        "adapter": str(folder.adapter),
    }
