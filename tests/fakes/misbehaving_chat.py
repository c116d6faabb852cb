"""A real inference program without a model: the last message of a question says how to misbehave."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

NOISE = ("Loading checkpoint shards: 100%", "{", '{"type": "token"}', "null", "\x00\ufffd", "[]")


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def say(request: str, kind: str, **fields: object) -> None:
    write(json.dumps({"type": kind, "request": request, **fields}))


def token(request: str, text: str, number: int) -> None:
    say(request, "token", text=text, num_tokens=number)


def done(request: str, number: int, reason: str = "eos") -> None:
    say(request, "done", num_tokens=number, seconds=0.1, finish_reason=reason)


def crash(request: str, stopped: threading.Event) -> None:
    sys.stderr.write("Segmentation fault, probably\n")
    os._exit(139)


def die(request: str, stopped: threading.Event) -> None:
    os.kill(os.getpid(), 9)


def garbage(request: str, stopped: threading.Event) -> None:
    for line in NOISE:
        write(line)
    os.write(1, b"\xff\xfe\n")
    done(request, 1)


def huge(request: str, stopped: threading.Event) -> None:
    write("x" * 3_000_000)
    token(request, "y" * 200_000, 2)
    done(request, 2)


def many(request: str, stopped: threading.Event) -> None:
    for number in range(2, 30_000):
        token(request, "z", number)
    done(request, 30_000)


def close_stdout(request: str, stopped: threading.Event) -> None:
    os.close(1)
    time.sleep(60)


def until_stopped(request: str, stopped: threading.Event) -> None:
    number = 1
    while not stopped.wait(0.01):
        number += 1
        token(request, "on ", number)
    done(request, number, "stopped")


def hang(request: str, stopped: threading.Event) -> None:
    time.sleep(60)


def figures(request: str, stopped: threading.Event) -> None:
    say(request, "done", num_tokens=1, seconds=0.1, finish_reason="stop-string", first_token_seconds=0.05)


WISHES: dict[str, Callable[[str, threading.Event], None]] = {
    function.__name__.replace("_", " "): function
    for function in (crash, die, garbage, huge, many, close_stdout, until_stopped, hang, figures)
}


def answer(request: str, wish: str, stopped: threading.Event) -> None:
    say(request, "progress", phase="loaded", detail="m", memory_bytes=123, device="cpu")
    say(request, "progress", phase="reading", detail="the model's")
    token(request, "first ", 1)
    if wish in WISHES:
        WISHES[wish](request, stopped)
    else:
        token(request, wish, 2)
        done(request, 2)


def main() -> None:
    stopped = threading.Event()
    write('{"type": "ready"}')
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if order["type"] == "stop":
            stopped.set()
            continue
        stopped.clear()
        wish = order["messages"][-1]["content"]
        threading.Thread(target=answer, args=(order["id"], wish, stopped), daemon=True).start()


if __name__ == "__main__":
    main()
