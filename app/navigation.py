"""The menu: one line per view."""

from collections.abc import Callable
from dataclasses import dataclass

from app.views import chat, compare, curves, developer, errors, home, machine, monitor, runs, train
from backend.services.bundle import Services


@dataclass(frozen=True, slots=True)
class View:
    """A page: its address, its title, an icon, what it is for, and what draws it.

    `is_listed` says, at each draw, whether it is in the menu; by its address it can be opened all the same.
    `stands_alone`: it is of use even when the store cannot be read.
    """

    url_path: str
    title: str
    icon: str
    help: str
    render: Callable[[Services], None]
    is_listed: Callable[[Services], bool] = lambda _: True
    stands_alone: bool = False


MENU = (
    View("home", "Home", ":material/home:", "What runs, what ended, what needs you.", home.render),
    View("train", "Train", ":material/model_training:", "Set up and start a run.", train.render),
    View("monitor", "Monitor", ":material/monitoring:", "Watch one run live.", monitor.render),
    View("runs", "Runs", ":material/list_alt:", "All runs, to find, annotate, stop and delete.", runs.render),
    View("curves", "Curves", ":material/show_chart:", "Look at the curves of many runs.", curves.render),
    View("compare", "Compare", ":material/compare_arrows:", "See what differs, and what came out.", compare.render),
    View("chat", "Chat", ":material/chat:", "Ask the base and the tuned model.", chat.render),
    View(
        "machine",
        "Machine",
        ":material/memory:",
        "Hardware, packages, storage.",
        machine.render,
        stands_alone=True,
    ),
    View(
        "developer",
        "Developer",
        ":material/bug_report:",
        "State, services, events, timings, caches.",
        developer.render,
        is_listed=lambda services: services.insight.is_on,
    ),
    View(
        "errors",
        "Errors",
        ":material/help:",
        "What an error means.",
        errors.render,
        is_listed=lambda _: False,
        stands_alone=True,
    ),
)
