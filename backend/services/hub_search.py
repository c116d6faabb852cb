"""HubSearch: looking for models and datasets on the hub, when a person asks for it and never otherwise."""

import json

from pydantic import ValidationError

from backend.domain.hub_search import MOST_WORDS, HubHit, HubKind, HubQuery
from backend.domain.line_program import LineChild, LineProgram
from backend.domain.ports import Clock
from backend.errors import EXIT_SOFTWARE, Explanation, ProcessError, UsageError
from backend.services.jobs import Job, Jobs

PATIENCE_SECONDS = 30.0
LISTEN_SECONDS = 0.5
SEND_SECONDS = 10.0
KEY = "hub-search"


class HubOffline(UsageError):
    """A search while the studio is told to stay offline."""

    id = "hub-offline"
    what = "The hub was not asked."
    why = "The setting hub_offline is on: nothing leaves this machine."
    fix = "Turn the setting off, or name a folder or a model that is on this machine."


class HubSearchSilent(ProcessError):
    """The searching program gave no hits; says what it said, with its id."""

    id = "hub-search-silent"
    what = "The search on the hub gave no answer."
    why = "The program {ending}. The last line of its log: {last_words}"
    fix = "Check the network, or the proxy in HTTPS_PROXY; then search again."

    def __init__(self, explanation: Explanation | None = None, exit_code: int = EXIT_SOFTWARE, **data: object) -> None:
        self._explanation = explanation
        self.exit_code = exit_code  # type: ignore[misc] # the program's own
        super().__init__(**data)

    def explain(self) -> Explanation:
        """The program's own explanation if there is one."""
        return self._explanation or super().explain()


class HubSearch:
    """Thread-safe. Each search is a short program: the hub's library never stays in the dashboard's memory."""

    def __init__(
        self, program: LineProgram, clock: Clock, endpoint: str = "huggingface.co", *, is_hub_offline: bool = False
    ) -> None:
        self._program = program
        self._clock = clock
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
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONSAFEPATH": "1"}
        try:
            child = self._program.start(quiet)
        except OSError as error:
            raise HubSearchSilent(ending=f"could not be started: {error.strerror or error}", last_words="") from error
        try:
            return self._answer(child, query, job)
        finally:
            child.end(0)

    def close(self) -> None:
        """End the searches that are at work."""
        self._jobs.close()

    def _answer(self, child: LineChild, query: HubQuery, job: Job | None) -> tuple[HubHit, ...]:
        try:
            child.send(query.model_dump_json(), SEND_SECONDS)
            document = json.loads(self._heard(child, job))
            if "error" in document:
                raise HubSearchSilent(Explanation(**document["error"]), int(document["exit_code"]))
            return tuple(HubHit.model_validate(hit) for hit in document["hits"])
        except TimeoutError as error:
            ending = f"was ended after {PATIENCE_SECONDS:g} seconds"
            raise HubSearchSilent(ending=ending, last_words=child.last_words()) from error
        except (BrokenPipeError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise HubSearchSilent(ending=f"ended with code {child.exit_code}", last_words=child.last_words()) from error

    def _heard(self, child: LineChild, job: Job | None) -> str:
        """All that it says until its end. Raises TimeoutError, JobCancelled."""
        pieces: list[str] = []
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while self._clock.monotonic() < deadline:
            if job is not None:
                job.check()
            try:
                pieces.append(child.receive(LISTEN_SECONDS) or "")
            except EOFError:
                return "".join(pieces)
        raise TimeoutError


def _query(words: str, kind: HubKind) -> HubQuery:
    return HubQuery(kind=kind, words=" ".join(words.split())[:MOST_WORDS])


def _key(query: HubQuery) -> tuple[str, str, str]:
    return KEY, query.kind, query.words
