"""The menu: one line per view."""

from collections.abc import Callable
from dataclasses import dataclass

from app.views import chat, compare, curves, home, machine, monitor, runs, train
from backend.services.bundle import Services


@dataclass(frozen=True, slots=True)
class View:
    """A page: its address, its title, an icon, what it is for, and what draws it."""

    url_path: str
    title: str
    icon: str
    help: str
    render: Callable[[Services], None]


MENU = (
    View("home", "Home", ":material/home:", "What runs, what ended, what needs you.", home.render),
    View("train", "Train", ":material/model_training:", "Set up and start a run.", train.render),
    View("monitor", "Monitor", ":material/monitoring:", "Watch one run live.", monitor.render),
    View("runs", "Runs", ":material/list_alt:", "All runs, to find, annotate, stop and delete.", runs.render),
    View("curves", "Curves", ":material/show_chart:", "Look at the curves of many runs.", curves.render),
    View("compare", "Compare", ":material/compare_arrows:", "See what differs, and what came out.", compare.render),
    View("chat", "Chat", ":material/chat:", "Ask models side by side.", chat.render),
    View("machine", "Machine", ":material/memory:", "Hardware, packages, storage.", machine.render),
)
