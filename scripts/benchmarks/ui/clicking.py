"""Clicks of a person in Chromium, timed by the page itself from the event to the last change that answers it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.sync_api import CDPSession, Locator, Page
from playwright.sync_api import TimeoutError as TooLong

from app.navigation import MENU
from scripts.benchmarks.drawing.measuring import busy_seconds, working_session

STOPWATCH = Path(__file__).with_name("stopwatch.js").read_text(encoding="utf-8")
MAIN = "[data-testid=stMainBlockContainer], [data-testid=stSidebarUserContent]"
# What changes a page and can be clicked again and again without harm; buttons are left alone: they start and delete.
KINDS = {
    "section": "button[data-variant=segmented_control], button[data-variant=pills]",
    "tab": "[data-testid=stTab]",
    "choice": "[data-testid=stRadioOption]",
    "switch": "[data-testid=stCheckbox] label",
    "step": "[data-testid=stNumberInputStepUp]",
    "search": "input[type=search], [data-testid=stTextInputField][type=search]",
}
MOST_OF_A_KIND = 3
ANSWER_SECONDS, SETTLE_SECONDS = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Control:
    """One that is drawn anew again and again: known by its kind and its place among those of the kind."""

    kind: str
    place: int

    def use(self, page: Page, number: int) -> None:
        """Click it; type into a search."""
        found = page.locator(MAIN).locator(KINDS[self.kind]).nth(self.place)
        if self.kind == "search":
            found.fill("" if number % 2 else "1")
            found.press("Enter")
        else:
            found.click(timeout=3000)


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds from a click to the page drawn to its end, and to its first change by the server; None for no change.

    `clicked` is seconds since the epoch; `busy` is processor time of the page's main thread.
    """

    whole: float
    first: float | None = None
    clicked: float = 0.0
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Hand:
    """What clicks in a page, with the stopwatch in it, also after reloads."""

    page: Page
    session: CDPSession

    @classmethod
    def on(cls, page: Page) -> "Hand":
        """For a page that nothing was opened in."""
        page.add_init_script(STOPWATCH)
        page.set_default_timeout(SETTLE_SECONDS * 1000)
        return cls(page, working_session(page))


def settle(page: Page, quiet_seconds: float = 0.15) -> None:
    """Wait until no script runs for a moment."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator(MAIN).locator("h1, h2, [data-testid=stAlert]").first.wait_for()
    time.sleep(quiet_seconds)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def timed(hand: Hand, act: Callable[[], None]) -> Answer | None:
    """How long a click took.

    None if the server was not asked anything, or if a timer's tick was being drawn: whose end is whose cannot be told.
    """
    page, before = hand.page, busy_seconds(hand.session)
    page.evaluate("stopwatch.arm()")
    act()
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        record = page.evaluate("stopwatch.taken()")
        if record["ended"] is not None:
            time.sleep(0.1)
            record = page.evaluate("stopwatch.taken()")
            if record["wasBusy"]:
                return None
            return _answer(record, busy_seconds(hand.session) - before)
        if record["began"] is not None and not record["hasRun"] and time.monotonic() > deadline - ANSWER_SECONDS + 1:
            return None
        time.sleep(0.02)
    return Answer(ANSWER_SECONDS)


def _answer(record: dict[str, float | None], busy: float) -> Answer:
    began, ended, first, clicked = (record[name] for name in ("began", "ended", "first", "clicked"))
    assert began is not None
    assert clicked is not None
    assert ended is not None
    whole = max(ended, record["last"] or 0) - began
    return Answer(whole / 1000, None if first is None else (first - began) / 1000, clicked, busy)


def controls(page: Page) -> list[Control]:
    """The first few of each kind that can be seen and used."""
    found = []
    for kind, selector in KINDS.items():
        places = page.locator(MAIN).locator(selector)
        usable = [place for place in range(min(places.count(), 12)) if _is_usable(places.nth(place))]
        found += [Control(kind, place) for place in usable[:MOST_OF_A_KIND]]
    return found


def _is_usable(place: Locator) -> bool:
    return place.is_visible() and place.is_enabled()


def click_around(hand: Hand, num_clicks: int) -> list[Answer]:
    """The answers to so many clicks on the controls of the open view, in turn; none where none asks the server."""
    page, answers = hand.page, []
    known = controls(page)
    for number in range(num_clicks if known else 0):
        control = known[number % len(known)]
        try:
            took = timed(hand, partial(control.use, page, number // len(known)))
        except TooLong:
            took = None  # it is not there any more
        if took is not None:
            answers.append(took)
        settle(page)
    return answers


def address_of(name: str) -> str:
    """The path of a view: that of the first one is the root."""
    return "" if name == MENU[0].url_path else name


def walk(hand: Hand, names: Sequence[str]) -> dict[str, Answer]:
    """The answer to each click in the menu, by the link's address."""
    page, answers = hand.page, {}
    for name in names:
        link = page.locator(f"[data-testid=stSidebarNavLink][href$='/{address_of(name)}']")
        if not link.count():
            continue  # a view that is not listed
        took = timed(hand, link.click)
        settle(page)
        if took is not None:
            answers[name] = took
    return answers
