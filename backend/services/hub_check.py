"""HubCheck: asks the hub whether it answers, only when a person wants to know."""

from collections.abc import Callable

from backend.domain.surroundings import HubAccess, Surroundings
from backend.services.jobs import Job, Jobs

KEY = ("hub",)


class HubCheck:
    """One request at a time; nothing is asked but by `ask` and `start`."""

    def __init__(self, surroundings: Surroundings, question: Callable[[HubAccess], str]) -> None:
        self.jobs = Jobs(max_at_once=1)
        self._surroundings = surroundings
        self._question = question

    def ask(self) -> str:
        """What the hub answered. Raises as the question: HubNotAsked, HubSilent."""
        return self._question(self._surroundings.hub())

    def start(self) -> Job:
        """The same beside the page, anew."""
        self.jobs.forget(KEY)
        return self.jobs.start(KEY, "Asking the hub", lambda _: self.ask())

    def job(self) -> Job | None:
        """The last one, over or not."""
        return self.jobs.of(KEY)
