"""HubSearch: looking for models and datasets on the hub, when a person asks for it and never otherwise."""

from collections.abc import Mapping
from typing import Any

from backend.domain.hub_search import MOST_WORDS, HubHit, HubKind, HubQuery
from backend.domain.line_program import LineProgram
from backend.domain.ports import Clock
from backend.errors import UsageError
from backend.services.jobs import Job, Jobs
from backend.services.one_question import OneQuestion, ProgramUnanswered

PATIENCE_SECONDS = 30.0
KEY = "hub-search"


class HubOffline(UsageError):
    """A search while the studio is told to stay offline."""

    id = "hub-offline"
    what = "The hub was not asked."
    why = "The setting hub_offline is on: nothing leaves this machine."
    fix = "Turn the setting off, or name a folder or a model that is on this machine."


class HubSearchSilent(ProgramUnanswered):
    """The searching program gave no hits; says what it said, with its id."""

    id = "hub-search-silent"
    what = "The search on the hub gave no answer."
    why = "The program {ending}. The last line of its log: {last_words}"
    fix = "Check the network, or the proxy in HTTPS_PROXY; then search again."


class HubSearch:
    """Thread-safe. Each search is a short program: the hub's library never stays in the dashboard's memory."""

    def __init__(
        self, program: LineProgram, clock: Clock, endpoint: str = "huggingface.co", *, is_hub_offline: bool = False
    ) -> None:
        self._question = OneQuestion(program, clock, HubSearchSilent, patience_seconds=PATIENCE_SECONDS)
        self.endpoint = endpoint  # whom the words are sent to
        self.is_hub_offline = is_hub_offline
        self._jobs = Jobs(max_at_once=2)

    def start(self, words: str, kind: HubKind = "model") -> Job:
        """Search beside the page; the job's answer is a tuple of HubHit. A search that failed is made again."""
        query = _query(words, kind)
        return self._jobs.start(_key(query), f"Searching the hub for {query.words}", lambda job: self.ask(query, job))

    def of(self, words: str, kind: HubKind = "model") -> Job | None:
        """The search for these words, over or not; None if nobody asked for it."""
        return self._jobs.of(_key(_query(words, kind)))

    def ask(self, query: HubQuery, job: Job | None = None) -> tuple[HubHit, ...]:
        """Search, and wait for it. Raises HubOffline, HubSearchSilent."""
        if self.is_hub_offline:
            raise HubOffline

        def look(_said: str) -> None:
            if job is not None:
                job.check()

        return self._question.ask(query.model_dump_json(), _hits, look, is_offline=False)

    def close(self) -> None:
        """End the searches that are at work."""
        self._jobs.close()


def _query(words: str, kind: HubKind) -> HubQuery:
    return HubQuery(kind=kind, words=" ".join(words.split())[:MOST_WORDS])


def _key(query: HubQuery) -> tuple[str, str, str]:
    return KEY, query.kind, query.words


def _hits(document: Mapping[str, Any]) -> tuple[HubHit, ...]:
    return tuple(HubHit.model_validate(hit) for hit in document["hits"])
