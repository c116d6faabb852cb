"""A LineProgram in memory: what it says is a function of what it hears, and its time is the clock's."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from tests.fakes.clock import FakeClock

Said = str | int  # a line, or the exit code with which it ends
Reply = Callable[[str], Iterable[Said]]


class ScriptedChild:
    """Silence lets the clock advance by the timeout instead of waiting."""

    def __init__(self, pid: int, reply: Reply, clock: FakeClock) -> None:
        self.pid = pid
        self.heard: list[str] = []
        self.reads_slowly = False
        self._reply = reply
        self._clock = clock
        self._said: deque[Said] = deque()
        self._exit_code: int | None = None

    @property
    def exit_code(self) -> int | None:
        return self._exit_code

    def send(self, line: str, timeout_seconds: float) -> None:
        if self._exit_code is not None:
            raise BrokenPipeError
        if self.reads_slowly:
            self._clock.advance(timeout_seconds)
            raise TimeoutError
        self.heard.append(line)
        self._said.extend(self._reply(line))

    def receive(self, timeout_seconds: float) -> str | None:
        if not self._said:
            if self._exit_code is not None:
                raise EOFError
            self._clock.advance(timeout_seconds)
            return None
        said = self._said.popleft()
        if isinstance(said, str):
            return said
        self._exit_code = said
        raise EOFError

    def memory_bytes(self) -> int | None:
        return 1000 if self._exit_code is None else None

    def last_words(self) -> str:
        return "Traceback: out of ideas"

    def end(self, grace_seconds: float) -> None:
        if self._exit_code is None:
            self._exit_code = 0 if grace_seconds > 0 else -9


class ScriptedProgram:
    """Remembers every child and the environment that it was started with."""

    def __init__(self, reply: Reply, clock: FakeClock) -> None:
        self.reply = reply
        self.children: list[ScriptedChild] = []
        self.environments: list[Mapping[str, str]] = []
        self.start_error: OSError | None = None
        self._clock = clock

    def start(self, environment: Mapping[str, str]) -> ScriptedChild:
        if self.start_error is not None:
            raise self.start_error
        self.environments.append(environment)
        self.children.append(ScriptedChild(1000 + len(self.children), self._say, self._clock))
        return self.children[-1]

    def _say(self, line: str) -> Iterable[Said]:
        return self.reply(line)
