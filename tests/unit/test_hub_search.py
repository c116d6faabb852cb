"""Searching the hub: only when asked, without a token, within a time limit; every failure is a state with a reason."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.base_models.errors import HubNotSearched
from backend.base_models.searching import search
from backend.domain.hub_search import MOST_WORDS, HubHit, HubQuery
from backend.executors.piped import PipedProgram
from backend.services.hub_search import PATIENCE_SECONDS, HubOffline, HubSearch, HubSearchSilent
from backend.services.jobs import JobState
from tests.fakes.clock import FakeClock
from tests.fakes.hub_server import FakeHub, serving
from tests.fakes.lines import ScriptedProgram
from tests.untraced import untraced

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "hf_" + "x" * 30
MODELS = [
    {
        "id": "org/small",
        "downloads": 1200,
        "likes": 7,
        "gated": "manual",
        "safetensors": {"parameters": {"BF16": 500}, "total": 500},
        "cardData": {"license": "apache-2.0"},
        "lastModified": "2026-01-02T03:04:05.000Z",
        "tags": ["text-generation"],
    },
    {"id": "org/bare", "tags": ["license:mit"]},
]
WRONG = {"id": "hub-not-searched", "what": "No.", "why": "The hub answered 503.", "fix": "Later.", "at": "now"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(tmp_path)) as served:
        served.hits = list(MODELS)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.url)
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", served.url)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _seconds: None)  # it tries again, politely
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # as in the program
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield served


def asked(hub: FakeHub) -> dict[str, list[str]]:
    return parse_qs(urlsplit(hub.calls[-1].split(" ")[1]).query)


def test_hits_tell_what_the_hub_tells_and_no_token_goes_along(hub: FakeHub) -> None:
    found = search(HubQuery(words="small model"))
    assert found == (
        HubHit(
            id="org/small",
            downloads=1200,
            likes=7,
            parameters=500,
            licence="apache-2.0",
            is_gated=True,
            changed="2026-01-02",
        ),
        HubHit(id="org/bare", licence="mit"),
    )
    told = asked(hub)
    assert told["search"] == ["small model"]
    assert {"safetensors", "text-generation"} <= {*told.get("filter", []), *told.get("pipeline_tag", [])}
    assert hub.tokens == [None]


def test_datasets_are_found_in_the_same_way(hub: FakeHub) -> None:
    hub.hits = [{"id": "org/rows", "downloads": 3}]
    assert search(HubQuery(kind="dataset", words="rows")) == (HubHit(id="org/rows", downloads=3),)
    assert hub.calls[-1].startswith("GET /api/datasets?")


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_refusal_of_the_hub_is_told_with_its_number(hub: FakeHub, status: int) -> None:
    hub.answers = [(status, {})] * 9
    with pytest.raises(HubNotSearched, match=f"The hub answered {status}"):
        search(HubQuery(words="x"))


def test_a_line_that_goes_dead_is_told(hub: FakeHub) -> None:
    hub.answers = [(0, {})] * 9
    with pytest.raises(HubNotSearched, match=r"RemoteProtocolError|ConnectionError|ReadError"):
        search(HubQuery(words="x"))


class Desk:
    """A search over a scripted program."""

    def __init__(self, *said: str | int) -> None:
        self.clock = FakeClock()
        self.program = ScriptedProgram(lambda _line: said, self.clock)
        self.hub = HubSearch(self.program, self.clock)


def test_nothing_is_asked_before_somebody_asks_and_the_same_words_are_asked_once() -> None:
    desk = Desk(json.dumps({"hits": [{"id": "org/a"}]}), 0)
    assert desk.hub.of("a b") is None
    assert desk.program.children == []
    job = desk.hub.start("  a   b ")
    assert job.wait(30)
    assert job.answer == (HubHit(id="org/a"),)
    assert desk.hub.start("a b") is desk.hub.of("a b") is job
    assert len(desk.program.children) == 1
    assert desk.hub.of("a b", "dataset") is None


def test_a_studio_that_is_offline_starts_no_program() -> None:
    desk = Desk()
    desk.hub.is_hub_offline = True
    with pytest.raises(HubOffline):
        desk.hub.ask(HubQuery(words="x"))
    assert desk.program.children == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([json.dumps({"error": WRONG, "exit_code": 70}), 70], "The hub answered 503."),
        (["nonsense", 1], "ended with code 1"),
        (['{"hits": [{"name": 1}]}', 0], "ended with code 0"),
        ([], f"was ended after {PATIENCE_SECONDS:g} seconds"),
    ],
)
def test_a_search_that_fails_says_why_and_is_made_again(said: list[str | int], told: str) -> None:
    desk = Desk(*said)
    job = desk.hub.start("x")
    assert job.wait(30)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert told in job.error.why
    assert all(child.exit_code is not None for child in desk.program.children)
    desk.program.reply = lambda _line: [json.dumps({"hits": []}), 0]
    again = desk.hub.start("x")
    assert again.wait(30)
    assert again.answer == ()


def test_a_program_that_cannot_be_started_is_a_state_too() -> None:
    desk = Desk()
    desk.program.start_error = OSError(2, "No such file or directory")
    with pytest.raises(HubSearchSilent, match="No such file"):
        desk.hub.ask(HubQuery(words="x"))


def test_very_long_words_are_cut_before_they_are_sent() -> None:
    desk = Desk(json.dumps({"hits": []}), 0)
    assert desk.hub.start("x" * 1000).wait(30)
    assert len(json.loads(desk.program.children[0].heard[0])["words"]) == MOST_WORDS


def test_the_real_program_asks_the_hub_that_the_environment_names_and_loads_no_training_library(
    tmp_path: Path,
) -> None:
    with serving(FakeHub(tmp_path)) as served:
        served.hits = list(MODELS)
        told = {"HF_ENDPOINT": served.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
        surroundings = untraced(os.environ) | told
        argv = (sys.executable, "-X", "importtime", "-m", "backend.trainer.search")
        program = PipedProgram(argv, tmp_path, tmp_path / "search.log", surroundings=surroundings)
        hits = HubSearch(program, FakeClock()).ask(HubQuery(words="small"))
    assert [hit.id for hit in hits] == ["org/small", "org/bare"]
    assert (served.tokens, len(served.calls)) == ([None], 1)  # the question, and nothing that tells of us
    imported = {line.rpartition("|")[2].strip() for line in (tmp_path / "search.log").read_text().splitlines()}
    assert "huggingface_hub" in imported
    assert imported.isdisjoint({"torch", "transformers", "peft", "datasets"})
