"""peft-studio chat: one question to a run's tuned model, or to its base."""

from collections.abc import Iterator
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json
from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatEvent, ChatMessage, Done, Failed, Sampling, Token
from backend.domain.chat_sides import Side, Subject
from backend.services.bundle import Services
from backend.services.errors import AnswerFailed


def chat(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The question.")],
    base: Annotated[bool, typer.Option("--base", help="Ask the base model instead of the tuned one.")] = False,
    checkpoint: Annotated[int | None, typer.Option(min=1, help="Ask the run's checkpoint of this step.")] = None,
    system: Annotated[str, typer.Option(help="A system prompt.")] = "",
    max_new_tokens: Annotated[int, typer.Option(min=1, max=32768, help="Longest answer, in tokens.")] = 128,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="0 always takes the likeliest token.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same answer.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Ask a finished run's model a question."""
    services = of(ctx).services
    settings = ChatSettings(max_new_tokens, temperature, Sampling().top_p, seed=seed)
    side = Side() if base else Side(run_id, checkpoint)
    if as_json:
        text, done = answer(services, run_id, side, messages(prompt, system), settings)
        print_json(
            {
                "run": run_id,
                "side": "base" if base else "tuned",
                "checkpoint": side.step,
                "answer": text,
                "num_tokens": done.num_tokens,
                "seconds": done.seconds,
                "first_token_seconds": done.first_token_seconds,
                "finish_reason": done.finish_reason,
            }
        )
        return
    for event in _stream(services, run_id, side, messages(prompt, system), settings):
        if isinstance(event, Token):
            typer.echo(event.text, nl=False)
    typer.echo()


def answer(
    services: Services, run_id: str, side: Side, said: tuple[ChatMessage, ...], settings: ChatSettings
) -> tuple[str, Done]:
    """The whole answer and its figures. Raises AnswerFailed."""
    pieces: list[str] = []
    done: Done | None = None
    for event in _stream(services, run_id, side, said, settings):
        if isinstance(event, Token):
            pieces.append(event.text)
        elif isinstance(event, Done):
            done = event
    if done is None:
        raise AnswerFailed(why="The chat program ended before it was done.")
    return "".join(pieces), done


def messages(prompt: str, system: str = "") -> tuple[ChatMessage, ...]:
    """A first question."""
    said = (ChatMessage(role="system", content=system),) if system.strip() else ()
    return (*said, ChatMessage(role="user", content=prompt))


def _stream(
    services: Services, run_id: str, side: Side, said: tuple[ChatMessage, ...], settings: ChatSettings
) -> Iterator[ChatEvent]:
    for event in services.playground.ask(Subject(run_id=run_id), side, said, settings):
        if isinstance(event, Failed):
            raise AnswerFailed(event.error)
        yield event
