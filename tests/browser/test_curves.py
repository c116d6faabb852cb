"""The chart board in a real browser, fed by a real server from event files that grow."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PATIENCE_SECONDS, is_healthy, settle, wait_until
from tests.browser.wire import listen
from tests.fakes.event_bytes import append, restart, scalar, version, write
from tests.process.serving import end
from tests.untraced import untraced

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent / "board"
NUM_POINTS = 40
Open = Callable[..., Page]
SEEN_AT = """(node, text) => new Promise((seen) => {
    const look = () => node.textContent === text ? seen(Date.now()) : requestAnimationFrame(look)
    look()
})"""
# a test stops its own server, and Streamlit says so in several ways
SERVER_AWAY = re.compile(
    "ERR_CONNECTION_(REFUSED|RESET)|_stcore/(health|host-config)|server is not responding|DoInitPings timed out"
)


@contextmanager
def serving(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", "server.py", *options, "--browser.gatherUsageStats", "false"]
    told = {"PEFT_STUDIO_WORKSPACE": str(folder / "workspace"), "PYTHONPATH": str(HERE.parents[2])}
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=HERE, stdout=log, stderr=log, env=untraced(os.environ) | told)
        try:
            wait_until(lambda: process.poll() is not None or is_healthy(port))
            assert process.poll() is None, (folder / "server.log").read_text()
            yield process
        finally:
            end(process)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    from socket import socket

    with socket() as free:
        free.bind(("127.0.0.1", 0))
        found = int(free.getsockname()[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEFT_STUDIO_SPARE", "false")
        patch.setenv("PEFT_STUDIO_STANDBY", "false")
        with serving(tmp_path_factory.mktemp("board"), found):
            yield found


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two runs of 40 points: a straight line, and one a tenth above it."""
    folder = tmp_path / "logs"
    for name, offset in (("one", 0.0), ("two", 0.125)):
        points = (scalar(step, 1 + step / 64 + offset) for step in range(NUM_POINTS))
        write(folder / name, "1", [version(), *points])
    return folder


@pytest.fixture
def open_board(port: int, logs: Path, chromium: Browser) -> Iterator[Open]:
    """Opens a page with a board of the logs; no console error and no refused request is forgiven."""
    problems: list[str] = []
    contexts = []

    def opened(parameters: str = "", at: int = port, **kinds: object) -> Page:
        kinds = {"viewport": {"width": 1300, "height": 900}, "reduced_motion": "reduce"} | kinds
        context = chromium.new_context(**kinds)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        page = context.new_page()
        listen(page)
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"http://127.0.0.1:{at}/?logs={quote(str(logs))}&names=one,two&{parameters}")
        for name in ("loss", "again"):
            for run in ("one", "two"):
                expect(value_of(page, run, name)).to_have_text(re.compile(r"\d"))
        expect(chart(page).locator(".plot")).to_have_css("height", "220px")  # its style sheets have come: of the board,
        expect(chart(page).locator(".u-over")).to_have_css("position", "absolute")  # and of what draws
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [problem for problem in problems if not SERVER_AWAY.search(problem)] == []


def chart(page: Page, name: str = "loss") -> Locator:
    return page.locator(f".board article[data-chart='{name}']")


def value_of(page: Page, run: str, name: str = "loss") -> Locator:
    row = chart(page, name).locator("tbody tr").filter(has=page.locator(".name", has_text=re.compile(f"^{run}")))
    return row.locator("td").first


def told(value: float) -> str:
    """A number from 1 to 10 as the legend shows it."""
    return f"{value:.3f}" if value % 1 else str(int(value))


def heading(page: Page, name: str = "loss") -> Locator:
    return chart(page, name).locator(".place")


def plot_at(page: Page, part: float, name: str = "loss") -> tuple[float, float]:
    """A point on the screen within the axes; `part` counts from the left."""
    box = chart(page, name).locator(".u-over").bounding_box()
    assert box is not None
    return box["x"] + part * box["width"], box["y"] + box["height"] / 2


def shown_range(page: Page, name: str = "loss") -> tuple[float, float]:
    area = chart(page, name).locator(".plot")
    return float(area.get_attribute("aria-valuemin") or 0), float(area.get_attribute("aria-valuemax") or 0)


def drag(page: Page, begin: float, end: float) -> None:
    page.mouse.move(*plot_at(page, begin))
    page.mouse.down()
    page.mouse.move(*plot_at(page, (begin + end) / 2))
    page.mouse.move(*plot_at(page, end))
    page.mouse.up()


def event_file(logs: Path, run: str = "one") -> Path:
    return next((logs / run).iterdir())


def test_a_curve_moves_within_a_second_of_the_flush_and_without_a_rerun(open_board: Open, logs: Path) -> None:
    page = open_board()
    sent: list[str] = []
    seconds = []
    page.on("request", lambda request: sent.append(request.url))
    for step in range(NUM_POINTS, NUM_POINTS + 30):
        began = time.time()  # the clock of the page, too
        append(event_file(logs), scalar(step, step / 8))
        seconds.append(value_of(page, "one").evaluate(SEEN_AT, told(step / 8)) / 1000 - began)
        if seconds[-1] < 1.0 and len(seconds) >= 5:
            break
    assert min(seconds) < 1.0, seconds
    assert sent == []
    expect(page.get_by_text("The script ran 1 times")).to_be_visible()


def test_what_arrives_is_small(open_board: Open, logs: Path) -> None:
    page = open_board()
    session = page.context.new_cdp_session(page)
    came: list[int] = []
    session.on("Network.webSocketFrameReceived", lambda event: came.append(len(event["response"]["payloadData"])))
    session.send("Network.enable")
    sizes = []
    for number in range(9):
        before = len(came)
        append(event_file(logs), scalar(NUM_POINTS + number, 5.125 + number / 8))
        for name in ("loss", "again"):
            expect(value_of(page, "one", name)).to_have_text(told(5.125 + number / 8))
        sizes.append(sum(came[before:]))
    # Two charts, in base64. A page whose size still changes after it opened is told everything once more, rightly.
    assert sum(sizes) > 0
    assert sorted(sizes)[4] < 300, sizes


def test_zoom_and_scroll_stay_while_points_arrive(open_board: Open, logs: Path) -> None:
    witness, page = open_board(), open_board("more=4")
    drag(page, 0.25, 0.5)
    expect(chart(page).get_by_role("button", name="Show everything")).to_be_enabled()
    zoomed = shown_range(page)
    assert 5 < zoomed[0] < 15 < zoomed[1] < 25
    append(event_file(logs), b"".join(scalar(step, 3.0) for step in range(NUM_POINTS, NUM_POINTS + 9)))
    expect(value_of(witness, "one")).to_have_text("3")
    page.wait_for_timeout(1500)
    assert shown_range(page) == zoomed
    assert shown_range(page, "again") == zoomed
    page.mouse.dblclick(*plot_at(page, 0.5))
    page.mouse.move(5, 5)
    expect(value_of(page, "one")).to_have_text("3")
    wait_until(lambda: shown_range(page) == (0, NUM_POINTS + 8))


def test_one_hover_shows_the_nearest_values_in_all_charts(open_board: Open) -> None:
    page = open_board()
    page.mouse.move(*plot_at(page, 16 / 39))
    for name in ("loss", "again"):
        expect(heading(page, name)).to_have_text("step 16")
        expect(value_of(page, "one", name)).to_have_text("1.250")
        expect(value_of(page, "two", name)).to_have_text("1.375")
        expect(chart(page, name).locator("tbody tr").nth(1).locator("td").nth(2)).to_have_text("+0.125")
    page.mouse.move(5, 5)
    expect(heading(page)).to_have_text("newest")


def test_marks_tell_what_they_are(open_board: Open) -> None:
    page = open_board()
    page.mouse.move(*plot_at(page, 10 / 39))
    expect(chart(page).locator(".mark-label")).to_have_text("Checkpoint 10")


def test_the_smoothed_line_stands_before_the_original(open_board: Open) -> None:
    page = open_board("smoothing=0.9")
    expect(value_of(page, "one")).not_to_have_text("1.609")
    expect(chart(page).locator("tbody tr").first.locator("td").nth(1)).to_have_text("1.609")


def test_a_logarithmic_axis_says_what_it_cannot_show(open_board: Open, logs: Path) -> None:
    append(event_file(logs), scalar(NUM_POINTS, 0.0) + scalar(NUM_POINTS + 1, -1.0) + scalar(NUM_POINTS + 2, 1e-3))
    page = open_board("log=1")
    expect(chart(page).locator(".note")).to_contain_text("2 values of zero or below are not on the logarithmic axis")


def test_divergence_and_restarts_are_no_trouble(open_board: Open, logs: Path) -> None:
    page = open_board()
    append(event_file(logs), scalar(NUM_POINTS, float("nan")))
    expect(value_of(page, "one")).to_have_text("NaN")
    append(event_file(logs), scalar(NUM_POINTS + 1, float("inf")))
    expect(value_of(page, "one")).to_have_text("+∞")
    write(logs / "one", "2", [version(), restart(20), scalar(20, 9.5)])
    expect(value_of(page, "one")).to_have_text("9.500")


def test_the_theme_of_the_page_is_that_of_the_charts(open_board: Open) -> None:
    light, dark = open_board(), open_board(color_scheme="dark")
    expect(light.locator(".board")).not_to_have_class(re.compile("dark"))
    expect(dark.locator(".board")).to_have_class(re.compile("dark"))
    color = "(node) => getComputedStyle(node.querySelector('h3')).color"
    assert chart(light).evaluate(color) != chart(dark).evaluate(color)
    strokes = [chart(page).locator(".swatch line").first.get_attribute("stroke") for page in (light, dark)]
    assert strokes[0] != strokes[1]


def test_a_chart_is_read_and_zoomed_by_keyboard(open_board: Open) -> None:
    page = open_board()
    area = chart(page).get_by_role("slider")
    area.focus()

    def leads_to(told: str, *keys: str) -> bool:  # the page may still be drawn again: that lets go of the cursor
        for key in keys:
            area.press(key)
        page.wait_for_timeout(100)
        return area.get_attribute("aria-valuetext") == told

    wait_until(lambda: leads_to("step 0: one 1; two 1.125", "Home"))
    wait_until(lambda: leads_to("step 11: one 1.172; two 1.297", "Home", "Shift+ArrowRight", "ArrowRight"))
    area.press("+")
    wait_until(lambda: shown_range(page)[1] - shown_range(page)[0] < 20)
    area.press("0")
    wait_until(lambda: shown_range(page) == (0, 39))
    area.press("End")
    expect(heading(page)).to_have_text("step 39")
    area.press("Escape")
    expect(heading(page)).to_have_text("newest")


def test_a_picture_is_saved(open_board: Open) -> None:
    page = open_board()
    with page.expect_download() as found:
        chart(page).get_by_role("button", name="Save as PNG").click()
    assert found.value.suggested_filename == "Loss.png"
    assert found.value.path().read_bytes().startswith(b"\x89PNG\r\n")


def test_a_link_keeps_the_zoom(open_board: Open) -> None:
    page = open_board(permissions=["clipboard-read", "clipboard-write"])
    drag(page, 0.25, 0.5)
    expect(chart(page).get_by_role("button", name="Show everything")).to_be_enabled()
    chart(page).get_by_role("button", name="Copy a link").click()
    expect(page.get_by_text("The link was copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    low, high = map(float, re.search(r"[?&]zoom=([^&]+)", unquote(link))[1].split("~"))  # type: ignore[index]
    assert (low, high) == pytest.approx(shown_range(page), rel=1e-6)


def test_a_pin_reaches_the_page(open_board: Open) -> None:
    page = open_board()
    chart(page, "again").get_by_role("button", name="Pin").click()
    expect(page.get_by_text("pinned: again")).to_be_visible()
    expect(value_of(page, "one")).to_have_text("1.609")


def test_a_line_is_hidden_and_a_chart_grows_without_python(open_board: Open) -> None:
    page = open_board()
    chart(page).get_by_role("button", name="one", exact=True).click()
    expect(chart(page).locator("tbody tr").first).to_have_class("hidden")
    before = chart(page).bounding_box()
    chart(page).get_by_role("button", name="Full size").click()
    wait_until(lambda: (chart(page).bounding_box() or {})["height"] > (before or {})["height"] + 100)
    expect(page.get_by_text("The script ran 1 times")).to_be_visible()


def test_charts_that_are_not_on_the_screen_cost_nothing(open_board: Open, logs: Path) -> None:
    page = open_board("more=40")
    frames: list[int] = []
    session = page.context.new_cdp_session(page)
    session.on("Network.webSocketFrameReceived", lambda event: frames.append(len(event["response"]["payloadData"])))
    session.send("Network.enable")
    far = chart(page, "more-39")
    assert far.locator("canvas:not(.overlay)").count() == 0
    sizes = []
    for number in range(5):  # a page that came late to its size is told everything once more
        frames.clear()
        append(event_file(logs), scalar(NUM_POINTS + number, 2.5 + number))
        expect(value_of(page, "one")).to_have_text(told(2.5 + number))
        page.wait_for_timeout(1000)
        sizes.append(sum(frames))
    assert 0 < sorted(sizes)[2] < 1_000, sizes
    far.scroll_into_view_if_needed()
    expect(far.locator("canvas:not(.overlay)")).to_have_count(1)
    expect(value_of(page, "one", "more-39")).to_have_text("6.500")


def test_the_board_comes_back_with_its_server(open_board: Open, logs: Path, free_port: int, tmp_path: Path) -> None:
    with serving(tmp_path, free_port):
        page = open_board(at=free_port)
        drag(page, 0.25, 0.5)
        expect(chart(page).get_by_role("button", name="Show everything")).to_be_enabled()
        zoomed = shown_range(page)
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    append(event_file(logs), scalar(NUM_POINTS, 2.5))
    with serving(tmp_path, free_port):
        expect(page.get_by_text("The server does not answer")).to_have_count(0)
        wait_until(lambda: shown_range(page)[0] == pytest.approx(zoomed[0]))
        settle(page)
        expect(page.get_by_role("dialog")).to_have_count(0)  # Streamlit's own word of the lost connection
        page.mouse.dblclick(*plot_at(page, 0.5))
        page.mouse.move(5, 5)
        expect(value_of(page, "one")).to_have_text("2.500")


def test_a_hidden_tab_asks_for_nothing_and_catches_up(open_board: Open, logs: Path) -> None:
    page = open_board()
    hide = "(is) => { Object.defineProperty(document, 'hidden', { value: is, configurable: true }); document.dispatchEvent(new Event('visibilitychange')) }"
    session, asked = page.context.new_cdp_session(page), list[str]()
    session.on("Network.webSocketFrameSent", lambda event: asked.append(event["requestId"]))
    session.send("Network.enable")
    page.evaluate(hide, True)
    wait_until(lambda: page.evaluate("1") and asked)
    value, last = value_of(page, "one"), NUM_POINTS - 1

    def is_left_alone() -> bool:  # the server may hear late that nobody looks
        nonlocal last
        last, before = last + 1, value.inner_text()
        append(event_file(logs), scalar(last, last / 8))
        page.wait_for_timeout(2000)
        return value.inner_text() == before

    wait_until(is_left_alone)
    page.evaluate(hide, False)
    expect(value).to_have_text(told(last / 8))
