"""Browser sessions without browsers: they speak Streamlit's WebSocket, and keep the timers of fragments as pages do."""

import asyncio
import math
import random
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

PATIENCE_SECONDS = 60.0
_SEED = 5
T = TypeVar("T")


@dataclass
class Session:
    """One tab on one view. `timers`: seconds between two ticks, by fragment; `ticks`: seconds that each took."""

    port: int
    url_path: str
    query: str = ""
    timers: dict[str, float] = field(default_factory=dict)
    ticks: list[float] = field(default_factory=list)
    num_due: int = 0
    num_bytes: int = 0
    _line: ClientConnection | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> float:
        """Connect and draw the page; seconds until it was drawn."""
        address = f"127.0.0.1:{self.port}"
        self._line = await connect(
            f"ws://{address}/_stcore/stream",
            origin=Origin(f"http://{address}"),
            max_size=None,
            proxy=None,
        )
        self._hearing = asyncio.create_task(self._hear(self._line))
        return await self._run()

    async def live(self, seconds: float, after: float) -> None:
        """Let the fragments tick, from a moment on: people do not come in the same one."""
        await asyncio.sleep(after)
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for fragment, every in self.timers.items():
                self.num_due += math.ceil(seconds / every) - 1
                group.create_task(self._tick(fragment, every, end))

    async def close(self) -> None:
        """Leave."""
        self._hearing.cancel()
        if self._line is not None:
            await self._line.close()

    async def _tick(self, fragment: str, every: float, end: float) -> None:
        due = time.monotonic() + every
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            async with self._turn:
                self.ticks.append(await self._run(fragment))
            due = max(due + every, time.monotonic())

    def __post_init__(self) -> None:
        self._turn = asyncio.Lock()

    async def _run(self, fragment: str = "") -> float:
        began = time.perf_counter()
        self._ended.clear()
        asked = BackMsg()
        asked.rerun_script.query_string = self.query
        asked.rerun_script.page_script_hash = calc_hash(self.url_path)
        asked.rerun_script.fragment_id = fragment
        asked.rerun_script.is_auto_rerun = bool(fragment)
        assert self._line is not None
        await self._line.send(asked.SerializeToString())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._ended.wait()
        return time.perf_counter() - began

    async def _hear(self, line: ClientConnection) -> None:
        async for message in line:
            assert isinstance(message, bytes)
            self.num_bytes += len(message)
            told = ForwardMsg.FromString(message)
            kind = told.WhichOneof("type")
            if kind == "auto_rerun":
                self.timers[told.auto_rerun.fragment_id] = told.auto_rerun.interval
            elif kind == "stop_auto_rerun":
                for fragment in told.stop_auto_rerun.fragment_ids:
                    self.timers.pop(fragment, None)
            elif kind == "script_finished" and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self._ended.set()


@dataclass(frozen=True, slots=True)
class Crowd:
    """What many sessions at once were given. Seconds."""

    num_sessions: int
    num_due: int
    opening: Sequence[float]
    ticks: Sequence[float]
    num_bytes: int


def crowd(port: int, url_path: str, queries: Sequence[str], seconds: float) -> Crowd:
    """One session for each query, all live at once."""
    return _run(_crowd([Session(port, url_path, query) for query in queries], seconds))


def timers(port: int, url_path: str, query: str) -> list[float]:
    """Seconds between the ticks of each fragment of a view."""

    async def look() -> list[float]:
        session = Session(port, url_path, query)
        await session.open()
        await session.close()
        return sorted(session.timers.values())

    return _run(look())


def _run(work: Coroutine[None, None, T]) -> T:
    """In a thread of its own: Playwright keeps a running loop in ours."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _crowd(sessions: Sequence[Session], seconds: float) -> Crowd:
    opening = [await session.open() for session in sessions]
    chance = random.Random(_SEED)  # noqa: S311 - no secret: when people come
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            period = max(session.timers.values(), default=1.0)
            group.create_task(session.live(seconds, chance.uniform(0, period)))
    for session in sessions:
        await session.close()
    ticks = [took for session in sessions for took in session.ticks]
    due, num_bytes = (sum(getattr(session, name) for session in sessions) for name in ("num_due", "num_bytes"))
    return Crowd(len(sessions), due, opening, ticks, num_bytes)
