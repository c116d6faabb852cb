"""Answers until the parent closes our input, or asks nothing for --idle-seconds."""

import argparse
import sys
import traceback
from typing import TYPE_CHECKING

from backend.domain.chat import ChatEvent, ChatRequest, Failed
from backend.errors import StudioError
from backend.executors.heap import importing_for_good
from backend.inference.errors import ChatOutOfMemory, ChatUnexpected
from backend.inference.inbox import Inbox
from backend.inference.outbox import Outbox, claim_stdout

if TYPE_CHECKING:
    from backend.inference.engine import Engine


def main() -> int:
    """Serve requests one after the other; 0 for an orderly end."""
    parser = argparse.ArgumentParser(prog="python -m backend.inference", description=__doc__)
    parser.add_argument("--idle-seconds", type=float, default=600.0, help="end after so long without a question")
    idle_seconds = parser.parse_args().idle_seconds
    outbox = claim_stdout()
    inbox = Inbox(sys.stdin.fileno())
    inbox.start()
    with importing_for_good():
        from backend.inference.engine import Engine  # noqa: PLC0415 - seconds of imports, after the inbox listens

    engine = Engine()
    outbox.ready()
    while (request := inbox.next(idle_seconds)) is not None:
        try:
            _serve(engine, request, inbox, outbox)
        except BrokenPipeError:
            break
    return 0


def _serve(engine: "Engine", request: ChatRequest, inbox: Inbox, outbox: Outbox) -> None:
    """Answer one request; what goes wrong is an answer too, unless nobody reads any more."""

    def say(event: ChatEvent) -> None:
        outbox.say(request.id, event)

    try:
        engine.answer(request, say, lambda: inbox.is_stopped(request.id))
    except BrokenPipeError:
        raise
    except StudioError as error:
        traceback.print_exc()
        say(Failed(error.explain()))
        return
    except Exception as error:  # noqa: BLE001 - the outermost frame of the program
        traceback.print_exc()
        failed = Failed(_explained(error).explain())
    else:
        return
    engine.unload()
    say(failed)


def _explained(error: Exception) -> StudioError:
    from backend.inference.loading import first_line, is_memory_error  # noqa: PLC0415 - see main

    if is_memory_error(error):
        return ChatOutOfMemory(reason=first_line(error))
    return ChatUnexpected(reason=f"{type(error).__name__}: {first_line(error)}")


if __name__ == "__main__":
    sys.exit(main())
