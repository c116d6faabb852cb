"""The menu: one line per view."""

from collections.abc import Callable
from dataclasses import dataclass

from app.plugin_views import framed_view
from app.views import (
    chat,
    compare,
    curves,
    datasets,
    developer,
    errors,
    home,
    machine,
    models,
    monitor,
    runs,
    settings,
    train,
)
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
    View("datasets", "Datasets", ":material/dataset:", "Look into datasets, check and prepare them.", datasets.render),
    View("models", "Models", ":material/deployed_code:", "Base models, adapters and checkpoints here.", models.render),
    View("monitor", "Monitor", ":material/monitoring:", "Watch one run live.", monitor.render),
    View("runs", "Runs", ":material/list_alt:", "All runs, to find, annotate, stop and delete.", runs.render),
    View("curves", "Curves", ":material/show_chart:", "Look at the curves of many runs.", curves.render),
    View("compare", "Compare", ":material/compare_arrows:", "See what differs, and what came out.", compare.render),
    View("chat", "Chat", ":material/chat:", "Ask models side by side.", chat.render),
    View(
        "machine",
        "Machine",
        ":material/memory:",
        "Hardware, packages, storage.",
        machine.render,
        stands_alone=True,
    ),
    View("settings", "Settings", ":material/settings:", "How this installation behaves; plugins.", settings.render),
    View(
        "developer",
        "Developer",
        ":material/bug_report:",
        "State, services, events, timings, caches.",
        developer.render,
        is_listed=lambda services: services.settings.current().flags.developer,
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


def menu(services: Services) -> tuple[View, ...]:
    """Our views, then those of plugins."""
    more = services.plugins.views({view.url_path for view in MENU})
    return (*MENU, *(View(each.url_path, each.title, each.icon, each.help, framed_view(each)) for each in more))
