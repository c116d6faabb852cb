"""peft-studio chat: one question to a run's tuned model, or to its base."""

from collections.abc import Iterator
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json
from backend.domain.chat import ChatEvent, ChatMessage, Done, Failed, Sampling, Token
from backend.services.bundle import Services
from backend.services.errors import AnswerFailed
from backend.services.playground import Side


def chat(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The question.")],
    base: Annotated[bool, typer.Option("--base", help="Ask the base model instead of the tuned one.")] = False,
    max_new_tokens: Annotated[int, typer.Option(min=1, max=32768, help="Longest answer, in tokens.")] = 128,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="0 always takes the likeliest token.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same answer.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Ask a finished run's model a question."""
    services = of(ctx).services
    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    side: Side = "base" if base else "tuned"
    if as_json:
        text, done = answer(services, run_id, side, prompt, sampling)
        print_json(
            {
                "run": run_id,
                "side": side,
                "answer": text,
                "num_tokens": done.num_tokens,
                "seconds": done.seconds,
            }
        )
        return
    for event in _stream(services, run_id, side, prompt, sampling):
        if isinstance(event, Token):
            typer.echo(event.text, nl=False)
    typer.echo()


def answer(services: Services, run_id: str, side: Side, prompt: str, sampling: Sampling) -> tuple[str, Done]:
    """The whole answer and its figures. Raises AnswerFailed."""
    pieces: list[str] = []
    done: Done | None = None
    for event in _stream(services, run_id, side, prompt, sampling):
        if isinstance(event, Token):
            pieces.append(event.text)
        elif isinstance(event, Done):
            done = event
    if done is None:
        raise AnswerFailed(why="The chat program ended before it was done.")
    return "".join(pieces), done


def _stream(services: Services, run_id: str, side: Side, prompt: str, sampling: Sampling) -> Iterator[ChatEvent]:
    messages = (ChatMessage(role="user", content=prompt),)
    for event in services.playground.ask(run_id, side, messages, sampling):
        if isinstance(event, Failed):
            raise AnswerFailed(event.error)
        yield event
