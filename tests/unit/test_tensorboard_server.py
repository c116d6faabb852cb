"""TensorBoard is started when it is wanted, once per set of directories, and stopped when nobody looks."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.domain.tensorboard_page import Showing, Stage
from backend.executors.errors import CommandNotStarted
from backend.services.errors import PackageMissing, PortTaken
from backend.services.tensorboard_server import MOST_SERVERS, START_SECONDS, TensorBoardProgram, TensorBoardServer
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor
from tests.fakes.tensorboard import FakeTensorBoards

IDLE_MINUTES = 15.0


@dataclass
class Desk:
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    probe: FakeTensorBoards = field(default_factory=FakeTensorBoards)

    def __post_init__(self) -> None:
        self.executor = FakeExecutor(self.clock)
        self.server = self.another()
        self.directories = {"a run": self.folder / "runs" / "a" / "tensorboard"}

    def another(self) -> TensorBoardServer:
        program = TensorBoardProgram(("tied",), self.folder, {"A": "b"})
        return TensorBoardServer(self.executor, self.clock, program, self.probe, IDLE_MINUTES, lambda: "secret")

    def showing(self) -> Showing:
        return self.server.showing(self.directories)

    def logs(self) -> Path:
        (place,) = (self.folder / "tensorboard").iterdir()
        return place / "logs"

    def begin(self) -> None:
        """It is started, and answers."""
        self.server.start(self.directories)
        self.probe.answering[5001] = self.logs()
        assert self.showing() == Showing(Stage.READY, "http://127.0.0.1:5001/secret/")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_it_is_off_until_it_is_wanted_then_starts_and_is_ready_when_it_answers(desk: Desk) -> None:
    assert desk.showing() == Showing(Stage.OFF)
    assert desk.server.start(desk.directories) == Showing(Stage.STARTING, "http://127.0.0.1:5001/secret/")
    assert desk.showing().stage is Stage.STARTING
    desk.probe.answering[5001] = desk.folder / "somebody else's"
    assert desk.showing().stage is Stage.STARTING, "another program's answer is not ours"
    desk.probe.answering[5001] = desk.logs()
    assert desk.showing().stage is Stage.READY


def test_it_listens_on_loopback_only_and_reads_a_folder_of_readable_links(desk: Desk) -> None:
    desk.begin()
    place = desk.logs().parent
    (command,) = desk.executor.warmed
    assert command.argv[:2] == ("tied", "tensorboard.main")
    flags = dict(zip(command.argv[2::2], command.argv[3::2], strict=True))
    assert (flags["--host"], flags["--port"], flags["--logdir"]) == ("127.0.0.1", "5001", str(place / "logs"))
    assert flags["--path_prefix"] == "/secret"
    assert (flags["--load_fast"], flags["--reload_multifile"]) == ("auto", "true")
    assert (place / "logs" / "a run").readlink() == desk.directories["a run"]


def test_without_its_data_server_the_python_reader_is_told_to_it(desk: Desk) -> None:
    desk.probe.has_data_server = False
    desk.server.start(desk.directories)
    words = desk.executor.warmed[0].argv
    assert words[words.index("--load_fast") + 1] == "false"


def test_a_set_of_directories_has_one_and_another_set_another_one(desk: Desk) -> None:
    desk.begin()
    renamed = {"another name": desk.directories["a run"]}
    assert desk.server.start(renamed).url == "http://127.0.0.1:5001/secret/"
    assert [link.name for link in desk.logs().iterdir()] == ["another name"]
    both = renamed | {"b": desk.folder / "b"}
    assert desk.server.start(both).url == "http://127.0.0.1:5002/secret/"
    assert len(desk.executor.waiting()) == 2
    desk.server.close()
    assert desk.executor.waiting() == []
    assert desk.showing() == Showing(Stage.OFF)


def test_of_too_many_sets_the_one_that_was_asked_for_least_recently_makes_room(desk: Desk) -> None:
    sets = [{"a run": desk.folder / str(number)} for number in range(MOST_SERVERS + 1)]
    for one in sets[:-1]:
        desk.server.start(one)
        desk.clock.advance(1.0)
    desk.server.showing(sets[0])
    desk.server.start(sets[-1])
    assert [desk.server.showing(one).stage is Stage.OFF for one in sets] == [False, True, *[False] * (MOST_SERVERS - 1)]
    assert len(desk.executor.waiting()) == MOST_SERVERS


def test_one_that_nobody_looks_at_is_stopped(desk: Desk) -> None:
    desk.begin()
    desk.clock.advance(IDLE_MINUTES * 60)
    desk.server.tend()
    assert len(desk.executor.waiting()) == 1, "not a moment too early"
    desk.clock.advance(1)
    desk.server.tend()
    assert desk.executor.waiting() == []
    assert not (desk.logs().parent / "server.json").exists()


def test_one_that_is_looked_at_stays(desk: Desk) -> None:
    desk.begin()
    desk.probe.looked_at.add(5001)
    for _ in range(3):
        desk.clock.advance(IDLE_MINUTES * 60 + 1)
        desk.server.tend()
    desk.probe.looked_at.clear()
    desk.clock.advance(IDLE_MINUTES * 60 - 1)
    desk.showing()  # a page of ours that shows the link
    desk.clock.advance(IDLE_MINUTES * 60 - 1)
    desk.server.tend()
    assert len(desk.executor.waiting()) == 1


def test_a_port_that_was_taken_meanwhile_is_given_up_for_another(desk: Desk) -> None:
    desk.server.start(desk.directories)
    desk.executor.end_warm(255)
    assert desk.showing() == Showing(Stage.STARTING, "http://127.0.0.1:5002/secret/")
    desk.executor.end_warm(255)
    assert desk.showing() == Showing(Stage.STARTING, "http://127.0.0.1:5003/secret/")
    (desk.logs().parent / "server.log").write_text("note\nERROR: no module named x\n\n")
    desk.executor.end_warm(255)
    reason = "It ended with exit code 255. Its log ends with: ERROR: no module named x"
    assert desk.showing() == Showing(Stage.FAILED, reason=reason)
    assert desk.server.start(desk.directories).stage is Stage.STARTING


def test_a_port_that_was_asked_for_is_that_one_or_none(desk: Desk) -> None:
    desk.probe.taken.add(6006)
    with pytest.raises(PortTaken):
        desk.server.start(desk.directories, 6006)
    assert desk.executor.warmed == []
    assert desk.server.start(desk.directories, 6007).url == "http://127.0.0.1:6007/secret/"
    desk.executor.end_warm(255)
    assert desk.showing() == Showing(Stage.FAILED, reason="It ended with exit code 255.")


def test_one_that_never_answers_is_ended(desk: Desk) -> None:
    desk.server.start(desk.directories)
    desk.clock.advance(START_SECONDS + 1)
    desk.server.tend()
    assert desk.executor.waiting() == []
    assert desk.showing() == Showing(Stage.FAILED, reason="It did not answer within 90 seconds.")


def test_one_that_ends_by_itself_is_off(desk: Desk) -> None:
    desk.begin()
    desk.executor.end_warm(0)
    desk.server.tend()
    assert desk.showing() == Showing(Stage.OFF)


def test_one_that_does_not_heed_is_killed(desk: Desk) -> None:
    desk.begin()
    desk.executor._processes[-1].script.on_term = None
    desk.server.stop(desk.directories)
    assert desk.executor.calls.count("kill") == 1
    assert desk.showing() == Showing(Stage.OFF)


def test_a_second_program_of_the_workspace_finds_the_first_one_s_and_keeps_it_alive(desk: Desk) -> None:
    desk.begin()
    second = desk.another()
    url = "http://127.0.0.1:5001/secret/"
    assert second.start(desk.directories) == Showing(Stage.READY, url, is_ours=False)
    second.close()
    assert len(desk.executor.waiting()) == 1
    desk.clock.advance(IDLE_MINUTES * 60 - 1)
    second.showing(desk.directories)
    desk.server.tend()
    desk.clock.advance(IDLE_MINUTES * 60 - 1)
    desk.server.tend()
    assert len(desk.executor.waiting()) == 1
    desk.clock.advance(2)
    desk.server.tend()
    assert second.showing(desk.directories) == Showing(Stage.OFF)


def test_a_missing_package_is_told(desk: Desk) -> None:
    desk.probe.has_package = False
    with pytest.raises(PackageMissing) as caught:
        desk.server.start(desk.directories)
    assert "pip install tensorboard" in str(caught.value)
    assert not (desk.folder / "tensorboard").exists()


def test_what_the_system_refuses_is_raised_at_first_and_told_later(desk: Desk) -> None:
    desk.server.start(desk.directories)
    desk.executor.end_warm(255)
    desk.executor.refuses = CommandNotStarted(program="python", reason="no memory")
    assert "no memory" in desk.showing().reason
    with pytest.raises(CommandNotStarted):
        desk.server.start(desk.directories)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x", "token": "t"}', '{"port": 5001}'])
def test_a_record_that_says_nothing_is_nothing(desk: Desk, text: str) -> None:
    desk.begin()
    (desk.logs().parent / "server.json").write_text(text)
    assert desk.another().showing(desk.directories) == Showing(Stage.OFF)
