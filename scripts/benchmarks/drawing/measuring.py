"""What a chart costs the browser: main-thread time, heap, and bytes by WebSocket, read by Chrome's own protocol."""

import base64
import time
from dataclasses import dataclass

from playwright.sync_api import CDPSession, Page

QUIET_SECONDS, QUIET_WORK = 0.7, 0.02  # of main-thread time within that time: nothing goes on any more
PATIENCE_SECONDS = 120.0
NUM_MOVES = 20
HOVER_SECONDS = 15.0  # at most; where a move takes seconds, a few tell enough
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def working_session(page: Page) -> CDPSession:
    """What `busy_seconds` reads, from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def busy_seconds(session: CDPSession) -> float:
    """Processor seconds of the page's main thread so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(found["value"] for found in metrics if found["name"] == "TaskDuration"))


@dataclass(slots=True)
class Meter:
    """Reads the counters of one page; `num_bytes` counts what came in by WebSocket."""

    page: Page
    session: CDPSession
    num_bytes: int = 0

    @classmethod
    def of(cls, page: Page) -> "Meter":
        """A meter that is counting."""
        meter = cls(page, working_session(page))
        meter.session.send("Network.enable")
        meter.session.on("Network.webSocketFrameReceived", lambda event: meter._came(event["response"]))
        return meter

    def _came(self, frame: dict[str, object]) -> None:
        payload = str(frame["payloadData"])
        is_text = frame["opcode"] == 1
        self.num_bytes += len(payload.encode()) if is_text else len(base64.b64decode(payload))

    def busy_seconds(self) -> float:
        """Processor seconds of the page's main thread so far."""
        return busy_seconds(self.session)

    def heap_bytes(self) -> int:
        """What scripts hold after a collection."""
        self.session.send("HeapProfiler.collectGarbage")
        return int(self.session.send("Runtime.getHeapUsage")["usedSize"])

    def settle(self) -> float:
        """Wait until the page has nothing left to do; its busy seconds then."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        before = self.busy_seconds()
        while time.monotonic() < deadline:
            time.sleep(QUIET_SECONDS)
            now = self.busy_seconds()
            if now - before < QUIET_WORK:
                return now
            before = now
        return before


def hovered(meter: Meter, selector: str) -> float:
    """Seconds per move of the mouse over a chart."""
    box = meter.page.locator(selector).first.bounding_box()
    assert box is not None
    meter.page.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2)
    began, started = meter.settle(), time.monotonic()
    for i in range(NUM_MOVES):
        meter.page.mouse.move(
            box["x"] + 80 + i * (box["width"] - 160) / NUM_MOVES, box["y"] + box["height"] / 2 + i % 3
        )
        meter.page.evaluate(TWO_FRAMES)
        if time.monotonic() - started > HOVER_SECONDS:
            break
    return (meter.settle() - began) / (i + 1)


def zoomed(meter: Meter, selector: str) -> float:
    """Seconds of dragging over a third of a chart, and of drawing what is then seen."""
    box = meter.page.locator(selector).first.bounding_box()
    assert box is not None
    began, y = meter.settle(), box["y"] + box["height"] / 2
    meter.page.mouse.move(box["x"] + box["width"] * 0.3, y)
    meter.page.mouse.down()
    for i in range(1, 7):
        meter.page.mouse.move(box["x"] + box["width"] * (0.3 + i * 0.05), y)
        time.sleep(0.03)
    meter.page.mouse.up()
    return meter.settle() - began
