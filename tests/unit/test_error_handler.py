"""ErrorHandler: logged, perhaps repaired, told, and told when it is over, at every edge in the same way."""

import json
import logging

import pytest

from backend.domain.events import ErrorHandled, ErrorResolved, Event
from backend.domain.incident import Incident, from_notice
from backend.domain.log_lines import FIELDS, TextLines
from backend.errors import Action, StorageError, StudioError
from backend.services.error_handler import FORGOTTEN_SECONDS, SAME_SECONDS, Edge, ErrorHandler
from backend.services.event_bus import EventBus
from tests.fakes.clock import FakeClock

LOGGER = "backend.services.error_handler"


class DiskGone(StorageError):
    id = "test-disk-gone"
    what = "The disk {disk} is gone."
    why = "Somebody took it."
    fix = "Bring it back."
    action = Action.OPEN_MACHINE


class Unforeseen(StudioError):
    id = "test-unforeseen"
    what = "A mistake of ours, {incident}."


class Stop(BaseException):
    """As Streamlit's StopException and RerunException."""


class Desk:
    """A handler with everything that it told."""

    def __init__(self, **edge: object) -> None:
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.shown: list[Incident] = []
        bus = EventBus(self.clock)
        bus.subscribe(Event, self.events.append)
        self.errors = ErrorHandler(bus, self.clock)
        self.edge = Edge(**({"present": self.shown.append, "unexpected": Unforeseen} | edge))

    def fail(self, error: Exception, operation: str = "draw", subject: str = "") -> None:
        with self.errors.handling(operation, self.edge, subject=subject):
            raise error


def test_an_error_is_shown_told_and_logged_under_one_incident(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    with caplog.at_level(logging.INFO, logger=LOGGER):
        desk.fail(DiskGone(disk="sda", run_id="a-run"))
    (shown,) = desk.shown
    assert (shown.error.id, shown.error.what) == ("test-disk-gone", "The disk sda is gone.")
    assert shown.error.at
    assert (shown.action, shown.subject) == ("open-machine", "a-run")
    assert desk.events == [ErrorHandled("test-disk-gone", shown.id, "draw")]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    told = getattr(record, FIELDS)
    assert (told["event"], told["incident"]) == ("error.handled", shown.id)
    assert shown.id in record.getMessage()
    assert (told["error"], told["at"], told["operation"]) == ("test-disk-gone", shown.error.at, "draw")
    assert told["context"] == {"disk": "sda", "run_id": "a-run"}


def test_what_nobody_foresaw_is_told_without_its_words_and_logged_with_its_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    desk.fail(RuntimeError("/secret/path"))
    (shown,) = desk.shown
    assert shown.error.what == f"A mistake of ours, {shown.id}."
    assert "secret" not in json.dumps(shown.to_notice())
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


def test_secrets_and_the_home_folder_do_not_reach_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    desk = Desk()
    token = "hf_" + "a1B2" * 8
    context = {"header": f"Bearer {token}", "url": "postgresql://ada:pa55@db/x", "file": "/home/ada/run.yaml"}
    desk.errors.handle(DiskGone(disk=f"/home/ada/{token}"), "save", desk.edge, context=context)
    told = getattr(caplog.records[0], FIELDS)["context"]
    assert told["file"] == "~/run.yaml"
    assert told["disk"].startswith("~/")
    line = TextLines("%(message)s").format(caplog.records[0])
    assert line.startswith("error.handled: test-disk-gone, incident ")
    assert not any(secret in line for secret in (token, "pa55", "/home/ada"))


def test_details_for_developers_come_with_debug_logging_only(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.fail(RuntimeError("once"), "a")
    with caplog.at_level(logging.DEBUG, logger=LOGGER):
        desk.fail(RuntimeError("twice"), "b")
    assert [bool(shown.details) for shown in desk.shown] == [False, True]
    assert "RuntimeError: twice" in desk.shown[1].details


def test_what_fails_at_each_tick_is_one_incident(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    for _ in range(30):
        desk.fail(DiskGone(disk="sda"))
        desk.clock.advance(2)
    assert len({shown.id for shown in desk.shown}) == 1
    assert len(desk.shown) == 30, "it is shown at each draw"
    assert (len(caplog.records), len(desk.events)) == (1, 1)
    desk.fail(DiskGone(disk="sdb"))
    desk.clock.advance(SAME_SECONDS)
    desk.fail(DiskGone(disk="sdb"))
    assert len({shown.id for shown in desk.shown}) == 3


def test_what_works_again_is_told_for_the_same_subject_alone(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.fail(DiskGone(disk="sda"), "draw", "ada")
    desk.fail(DiskGone(disk="sda"), "draw", "grace")
    assert [incident.id for incident in desk.errors.open_incidents()] == [shown.id for shown in desk.shown]
    with caplog.at_level(logging.INFO, logger=LOGGER), desk.errors.handling("draw", desk.edge, subject="ada"):
        pass
    first, second = desk.shown
    assert desk.errors.open_incidents() == (second,)
    assert desk.events[-1] == ErrorResolved("test-disk-gone", first.id, "draw")
    assert getattr(caplog.records[-1], FIELDS)["event"] == "error.resolved"
    assert getattr(caplog.records[-1], FIELDS)["by"] == "itself or a person"
    desk.errors.succeeded("draw", "ada")
    assert len(desk.events) == 3, "once"


def test_a_recovery_that_works_repeats_the_function_and_nobody_is_bothered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    disks: list[str] = []
    desk.errors.recover_from(StorageError, lambda _: not disks.append("brought back"))

    def save(name: str, *, again: int = 0) -> str:
        if not disks:
            raise DiskGone(disk="sda")
        return f"{name} {again}"

    with caplog.at_level(logging.INFO, logger=LOGGER):
        assert desk.errors.with_error_handling("save", desk.edge)(save)("it", again=1) == "it 1"
    assert desk.shown == []
    assert disks == ["brought back"]
    assert [type(event) for event in desk.events] == [ErrorHandled, ErrorResolved]
    assert getattr(caplog.records[-1], FIELDS)["event"] == "error.resolved"
    assert getattr(caplog.records[-1], FIELDS)["by"] == "a recovery"


def test_a_recovery_that_did_not_help_is_tried_once_and_the_person_is_told() -> None:
    desk = Desk()
    tries: list[StudioError] = []
    desk.errors.recover_from(StorageError, lambda error: not tries.append(error))

    @desk.errors.with_error_handling("save", desk.edge)
    def save() -> str:
        raise DiskGone(disk="sda")

    assert save() is None
    assert len(tries) == len(desk.shown) == 1
    assert desk.errors.open_incidents()


def test_after_a_recovery_another_error_is_told_too() -> None:
    desk = Desk()
    desk.errors.recover_from(StorageError, lambda _: True)
    errors = iter([DiskGone(disk="sda"), DiskGone(disk="sdb")])

    @desk.errors.with_error_handling("save", desk.edge)
    def save() -> None:
        raise next(errors)

    save()
    assert [shown.error.what for shown in desk.shown] == ["The disk sdb is gone."]


def test_a_recovery_that_fails_itself_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(repeat=pytest.fail)

    def fail(_: StudioError) -> bool:
        raise ValueError("the recovery is broken")

    desk.errors.recover_from(DiskGone, fail)
    desk.fail(DiskGone(disk="sda"))
    assert len(desk.shown) == 1
    assert "the recovery is broken" in caplog.text


def test_the_recovery_of_the_closest_kind_is_taken() -> None:
    desk = Desk(repeat=lambda: taken.append("repeated"))
    taken: list[str] = []
    desk.errors.recover_from(StudioError, lambda _: not taken.append("any"))
    desk.errors.recover_from(DiskGone, lambda _: not taken.append("disk"))
    desk.fail(DiskGone(disk="sda"))
    assert taken == ["disk", "repeated"]
    assert desk.shown == []


def test_an_edge_that_cannot_repeat_recovers_nothing() -> None:
    desk = Desk()
    desk.errors.recover_from(StudioError, pytest.fail)
    desk.fail(DiskGone(disk="sda"))
    assert len(desk.shown) == 1


def test_stops_of_scripts_and_what_an_edge_lets_pass_go_through() -> None:
    desk = Desk(passes=(KeyError,))
    for error in (Stop(), KeyError("x")):
        with pytest.raises(type(error)), desk.errors.handling("draw", desk.edge):
            raise error

        def fail(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)):
            desk.errors.with_error_handling("draw", desk.edge)(fail)()
    assert desk.shown == []
    assert desk.events == []


def test_at_a_quiet_edge_only_what_nobody_foresaw_is_news_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(quiet=True)
    with caplog.at_level(logging.WARNING, logger=LOGGER):
        desk.fail(DiskGone(disk="sda"))
        assert caplog.records == []
        desk.fail(RuntimeError("a mistake"))
    assert len(caplog.records) == 1
    assert len(desk.shown) == 2


def test_an_incident_survives_as_built_in_values() -> None:
    desk = Desk()
    desk.fail(DiskGone(disk="![](http://x) <b>", run_id="a-run"))
    notice = desk.shown[0].to_notice()
    assert all(type(value) is str for value in notice.values())
    assert from_notice(notice) == desk.shown[0]


def test_what_was_left_alone_for_an_hour_is_open_no_more() -> None:
    desk = Desk()
    desk.fail(DiskGone(disk="sda"))
    desk.clock.advance(FORGOTTEN_SECONDS)
    assert desk.errors.open_incidents()
    desk.clock.advance(SAME_SECONDS)
    assert desk.errors.open_incidents() == ()
