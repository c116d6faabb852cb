"""Pictures of every view, in a new studio and in one with real tiny runs, light and dark, and a page that shows them.

The runs are those of the demo: trained here, in a workspace that is thrown away. Takes some minutes.
Usage: scripts/screenshots [--only VIEW ...] [--keep FOLDER]
"""

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.navigation import MENU, View
from backend.containers import build_container
from backend.domain.actions import replace_draft
from backend.domain.run_config import RunConfig
from backend.domain.states import RunState
from backend.services.bundle import Services
from config.catalog import preset_path
from config.demo import DEMO_QUESTION
from config.settings import Settings
from scripts.benchmarks.curves import CHROMIUM, FLAGS
from scripts.benchmarks.ui.serving import ROOT, free_port, program, wait_for

DOCS = ROOT / "docs"
IMAGES = DOCS / "images" / "views"
THEMES = ("light", "dark")
VIEWPORT = {"width": 1280, "height": 960}
TALL = {"width": 1280, "height": 1400}
COLORS = 256
PATIENCE_SECONDS = 600.0
SAMPLE = ROOT / "config" / "samples" / "demo.jsonl"
VARIANTS: tuple[dict[str, Any], ...] = (
    {"name": "islands, rank 16", "method": {"name": "lora", "rank": 16, "alpha": 32}},
    {"name": "islands, rank 4", "method": {"name": "lora", "rank": 4, "alpha": 8}},
    {"name": "islands, slower", "training": {"learning_rate": 0.001}},
)
LONG = {
    "name": "islands, once more",
    "training": {"max_steps": 12_000, "save_steps": 500, "eval_steps": 50, "learning_rate": 0.0003},
}
BESIDE_TEXT = ("monitor", "curves")  # these two are also docs/images/NAME.png, taller


def main() -> int:
    """Both workspaces, all views, both themes, then the page."""
    asked = _arguments()
    shown = [view for view in MENU if not asked.only or view.url_path in asked.only]
    IMAGES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=FLAGS)
        stack.callback(browser.close)
        expect.set_options(timeout=60_000)
        with served(folder / "new") as address:
            take(browser, address, shown, "empty", {})
        with in_use(folder / "used") as studio, served(folder / "used", PEFT_STUDIO_FLAGS__DEVELOPER="true") as address:
            if "chat" in {view.url_path for view in shown}:
                ask(browser, address, studio.queries["chat"])
            with at_work(studio) as going:
                queries = studio.queries | {"monitor": f"run={going}"}
                take(browser, address, shown, "full", queries)
    (DOCS / "views.md").write_text(page_of(MENU), encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="addresses of views")
    parser.add_argument("--keep", type=Path, help="a folder for the workspaces, which then stay")
    return parser.parse_args()


def _environment(workspace: Path) -> dict[str, str]:
    own = {"WORKSPACE": str(workspace), "SPARE": "false", "STANDBY": "false", "HUB_OFFLINE": "true", "CPU_SLOTS": "2"}
    return {f"PEFT_STUDIO_{name}": value for name, value in own.items()}


@contextmanager
def served(workspace: Path, **variables: str) -> Iterator[str]:
    """The address of the real dashboard."""
    port, log = free_port(), workspace.with_suffix(".log")
    words = ["-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    with program(words, log, _environment(workspace) | variables) as process:
        wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class Studio:
    """A workspace in use; `queries` are what views are opened with."""

    services: Services
    config: RunConfig
    base: Path
    queries: dict[str, str]


@contextmanager
def in_use(workspace: Path) -> Iterator[Studio]:
    """Finished runs, a dataset and a form."""
    os.environ |= _environment(workspace) | {"OMP_NUM_THREADS": "1"}
    container = build_container(Settings())
    services = container.services()
    preset = preset_path("demo")
    config = services.configs.read(preset)
    done = [_start(services, config, told, preset.parent) for told in VARIANTS]
    for run_id in done:
        _wait(services, run_id, RunState.FINISHED)
    services.library.annotate(done[0], tags=["keep"], notes="Learned all forty islands.")
    with SAMPLE.open("rb") as file:
        dataset = services.datasets.upload("islands.jsonl", file).path
    draft = services.configs.draft_of(config) | {"dataset": {"path": dataset, "validation_fraction": 0.1}}
    services.states.of("pictures").update_state(replace_draft(draft))
    queries = {
        "curves": "&".join(f"runs=run:{run}" for run in done),
        "compare": "&".join(f"runs={run}" for run in done),
        "chat": f"run={done[0]}",
        "datasets": f"dataset={dataset}",
    }
    try:
        yield Studio(services, config, preset.parent, queries)
    finally:
        container.shutdown_resources()


@contextmanager
def at_work(studio: Studio) -> Iterator[str]:
    """A run that goes on as long as the block lasts; its id."""
    going = _start(studio.services, studio.config, LONG, studio.base)
    try:
        _wait(studio.services, going, RunState.RUNNING, least_step=150)
        yield going
    finally:
        studio.services.training.stop(going)
        _wait(studio.services, going, RunState.STOPPED)


def _start(services: Services, config: RunConfig, told: dict[str, Any], base: Path) -> str:
    raw = config.model_dump(mode="json", exclude_unset=True)
    samples = {"prompts": [DEMO_QUESTION], "every_steps": 40}
    for key, value in told.items():
        raw[key] = raw.get(key, {}) | value if isinstance(value, dict) else value
    return services.training.start(RunConfig.model_validate(raw | {"samples": samples}), base).id


def _wait(services: Services, run_id: str, state: RunState, least_step: int = 0) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        services.processes.reconcile()
        view = services.status.show(run_id)
        if view.state is state and view.step >= least_step:
            return
        if view.state is RunState.FAILED:
            raise SystemExit(f"{view.name}: {view.run.message}")
        time.sleep(0.5)
    raise SystemExit(f"{run_id} is not {state.value} in time: {services.status.show(run_id).run.message}")


def ask(browser: Browser, address: str, query: str) -> None:
    """One question in Chat, so that its page has an answer."""
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{address}/chat?{query}")
    settle(page)
    page.locator("[data-testid=stChatInput] textarea").fill(DEMO_QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_timeout(2000)
    settle(page)
    page.close()


def take(browser: Browser, address: str, views: list[View], state: str, queries: dict[str, str]) -> None:
    """A picture of each view in each theme."""
    for theme in THEMES:
        context = browser.new_context(
            viewport=VIEWPORT,  # type: ignore[arg-type]
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        page = context.new_page()
        page.set_default_timeout(120_000)
        for view in sorted(views, key=lambda view: view.url_path != "monitor"):  # the live one while it is young
            path = "" if view is MENU[0] else view.url_path
            page.goto(f"{address}/{path}?{queries.get(view.url_path, '')}")
            settle(page)
            _save(page.screenshot(animations="disabled", caret="hide"), IMAGES / _name(view, state, theme))
            if view.url_path in BESIDE_TEXT and (state, theme) == ("full", "light"):
                take_tall(page, IMAGES.parent / f"{view.url_path}.png")
        context.close()


def take_tall(page: Page, path: Path) -> None:
    """More of the page than fits a screen."""
    page.set_viewport_size(TALL)  # type: ignore[arg-type]
    settle(page)
    _save(page.screenshot(animations="disabled", caret="hide"), path)
    page.set_viewport_size(VIEWPORT)  # type: ignore[arg-type]


def settle(page: Page) -> None:
    """Wait until everything is drawn, charts included."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("[data-testid=stMainBlockContainer] h1").first.wait_for()
    page.wait_for_load_state("networkidle")
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
    for board in page.locator("[data-testid=stBidiComponentIsolated]:has(.board)").all():
        expect(board.locator(".chart canvas").first).to_be_visible()
        expect(board.locator(".chart .empty").first).to_be_hidden()
    page.wait_for_timeout(700)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def _save(png: bytes, path: Path) -> None:
    """With a palette: pages are flat, and the pictures stay below 80 kB."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)


def page_of(views: tuple[View, ...]) -> str:
    """docs/views.md."""
    lines = [
        "# Every view",
        "",
        "Made by `./scripts/screenshots` from a new studio and from one with runs of the demo.",
    ]
    for view in views:
        lines += ["", f"## {view.title}", "", view.help]
        for state, words in (("full", "in use"), ("empty", "new")):
            lines += [
                "",
                "| light | dark |",
                "|---|---|",
                f"| {_picture(view, state, 'light', words)} | {_picture(view, state, 'dark', words)} |",
            ]
    return "\n".join(lines) + "\n"


def _picture(view: View, state: str, theme: str, words: str) -> str:
    return f"![{view.title}, {words}, {theme}](images/views/{_name(view, state, theme)})"


def _name(view: View, state: str, theme: str) -> str:
    return f"{view.url_path}-{state}-{theme}.png"


if __name__ == "__main__":
    sys.exit(main())
