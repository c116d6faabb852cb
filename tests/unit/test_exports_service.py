"""Exporting a run: what is possible, what the program is told, what becomes of its answer, and the list."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.export_errors import (
    ExporterUnknown,
    ExportNameTaken,
    ExportNotFound,
    ExportRefused,
)
from backend.domain.exports import LOCK, RECORD, ExportOrder, Peers
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.exporters import AdapterZip, AnyExporter, Merged
from backend.methods import Method
from backend.quantization import Int8, Nf4, NoQuantization
from backend.services.config_service import ConfigService
from backend.services.exports import Exports, NotExported, Surroundings
from backend.services.jobs import JobState
from backend.services.playground import Playground
from backend.spec import members
from backend.store.checkpoints import STAGING
from tests.fakes.clock import FakeClock
from tests.fakes.command_line import installed
from tests.fakes.exporting import exported, give_result
from tests.fakes.lines import ScriptedProgram
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

WRONG = {"id": "export-no-room", "what": "No room.", "why": "It is full.", "fix": "Make room.", "at": "now"}


class Scene:
    """A finished run, and a program that says what it is told to say."""

    def __init__(self, root: Path, order: str = "") -> None:
        self.root = root
        self.folder = RunDirectory(root / "runs" / "a-run")
        give_result(self.folder.root)
        self.folder.config.write_text(f"base_model: org/name\ndataset: x.jsonl\n{order}")
        clock = FakeClock()
        self.store = FakeRunStore(clock)
        self.store.create(a_run(run_dir=self.folder.root, state=RunState.FINISHED, name="My *run*"))
        self.program = ScriptedProgram(exported, clock)
        self.is_lock_free = True
        playground = Playground(self.store, None)  # type: ignore[arg-type]  # nobody chats
        around = Surroundings(root / "trash", (root / "models",))
        self.exports = Exports(self.store, ConfigService(), playground, self.program, clock, around, self.hold)

    @contextmanager
    def hold(self, path: Path) -> Iterator[bool]:
        assert path == self.folder.exports / LOCK
        yield self.is_lock_free


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_program_is_told_what_the_adapter_was_trained_on_and_what_stays_here(scene: Scene) -> None:
    said: list[str] = []
    order = scene.exports.order("a-run", Merged(dtype="bfloat16"))
    done = scene.exports.export(order, said.append)
    assert (done.name, done.size_bytes > 1000, done.record) == ("merged-bfloat16", True, done.record)
    assert done.record is not None
    assert "Merging" in said
    told = ExportOrder.model_validate_json(scene.program.children[0].heard[0])
    assert (told.base_model.path, told.title, told.config.method.name) == ("org/name", "my-run", "lora")
    assert set(told.private) == {str(scene.root), str(scene.root / "models"), str(scene.folder.root)}
    assert [one.name for one in scene.exports.look("a-run")] == ["merged-bfloat16"]


def test_a_hub_that_is_off_stays_off_for_the_program(scene: Scene) -> None:
    scene.exports.is_hub_offline = True
    scene.exports.export(scene.exports.order("a-run", AdapterZip()))
    assert scene.program.environments[0]["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([json.dumps({"error": WRONG, "exit_code": 74}), 74], "It is full."),
        (["nonsense", 1], "ended with code 1"),
        (['{"export": {}}', 0], "ended with code 0"),
        ([-9], "ended with code -9"),
    ],
)
def test_a_program_that_fails_is_quoted_and_what_it_left_goes(scene: Scene, said: list[Any], told: str) -> None:
    left = scene.folder.exports / f"{STAGING}merged-1"
    left.mkdir(parents=True)
    scene.program.reply = lambda _line: said
    with pytest.raises(NotExported) as caught:
        scene.exports.export(scene.exports.order("a-run", Merged()))
    assert told in caught.value.explain().why
    assert not left.exists()
    left.mkdir()
    scene.is_lock_free = False  # another program is at work there
    with pytest.raises(NotExported):
        scene.exports.export(scene.exports.order("a-run", Merged()))
    assert left.exists()


def test_a_program_that_cannot_be_started_is_an_error_with_a_reason(scene: Scene) -> None:
    scene.program.start_error = OSError(12, "Cannot allocate memory")
    with pytest.raises(NotExported, match="Cannot allocate memory"):
        scene.exports.export(scene.exports.order("a-run", Merged()))


def test_a_job_exports_beside_the_page_and_can_be_cancelled(scene: Scene) -> None:
    job = scene.exports.start("a-run", AdapterZip())
    assert job.wait(30)
    assert (job.state, job.answer.name) == (JobState.DONE, "adapter")
    assert scene.exports.last("a-run") is job
    assert not scene.exports.is_busy("a-run")
    scene.program.reply = lambda _line: ['{"progress": "Merging"}']  # and then nothing, until it is cancelled
    job = scene.exports.start("a-run", Merged())
    job.cancel()
    assert job.wait(30)
    assert job.state is JobState.CANCELLED


def test_a_run_without_a_result_has_nothing_to_export(scene: Scene) -> None:
    (scene.folder.adapter / "adapter_model.safetensors").unlink()
    assert {offer.refusal for offer in scene.exports.offers("a-run")} == {"The run has no result yet."}


@pytest.mark.parametrize(
    ("order", "refused", "why"),
    [
        ("method: lora\n", set(), ""),
        ("method: qlora\n", set(), ""),
        ("method: prompt\n", {"merged"}, "no weights that could be added"),
        ("quantization: int8\n", {"merged"}, "rounds what goes into its layers"),
        ("method:\n  name: lora\n  alora_invocation: '### Answer'\n", {"merged"}, "from its invocation on"),
        ("method: full\n", {"merged", "adapter"}, "the model's own weights"),
    ],
)
def test_what_cannot_be_merged_says_why(tmp_path: Path, order: str, refused: set[str], why: str) -> None:
    scene = Scene(tmp_path, order)
    offers = {offer.name: offer.refusal for offer in scene.exports.offers("a-run")}
    assert {name for name, refusal in offers.items() if refusal} == refused
    assert all(why in offers[name] for name in refused)
    for name in refused:
        with pytest.raises(ExportRefused):
            scene.exports.order("a-run", scene.exports.exporter(name))


def test_every_method_can_at_least_be_handed_on_as_an_adapter_or_is_a_model() -> None:
    for method in members(Method):
        kinds = {kind.spec_name(): kind for kind in (Merged, AdapterZip)}
        told = {
            name: kind.refusal(method.model_construct(), NoQuantization(), is_whole=False)
            for name, kind in kinds.items()
        }
        assert told["adapter"] == ""
        assert bool(told["merged"]) == (not method.card.can_merge)
    assert Merged.refusal(members(Method)[0].model_construct(), Nf4(), is_whole=False) == ""
    assert Merged.refusal(members(Method)[0].model_construct(), Int8(), is_whole=False)
    assert [kind.spec_name() for kind in members(AnyExporter, with_more=False)] == ["merged", "adapter"]


def test_names_are_folders_and_never_overwrite(scene: Scene) -> None:
    scene.exports.export(scene.exports.order("a-run", AdapterZip()))
    with pytest.raises(ExportNameTaken, match="already"):
        scene.exports.order("a-run", AdapterZip())
    for name in ("../up", "UP", ".hidden", "a/b", "x" * 65):
        with pytest.raises(ExportNameTaken, match="name of a folder"):
            scene.exports.order("a-run", AdapterZip(), name)
    assert scene.exports.order("a-run", AdapterZip(), "v2.0").name == "v2.0"


def test_a_kind_or_a_knob_that_nobody_knows_is_refused(scene: Scene) -> None:
    with pytest.raises(ExporterUnknown, match="merged, adapter"):
        scene.exports.exporter("gguf")
    with pytest.raises(ExportRefused, match="dtype"):
        scene.exports.exporter("merged", {"dtype": "int3"})


def test_an_export_goes_to_the_trash_and_nothing_else_does(scene: Scene) -> None:
    scene.exports.export(scene.exports.order("a-run", AdapterZip()))
    place = scene.exports.delete("a-run", "adapter")
    assert (place.parent, (place / RECORD).is_file()) == (scene.root / "trash", True)
    assert scene.exports.look("a-run") == ()
    for name in ("adapter", "../adapter", ".lock"):
        with pytest.raises(ExportNotFound):
            scene.exports.delete("a-run", name)


def test_an_export_whose_record_is_damaged_or_huge_is_listed_all_the_same(scene: Scene) -> None:
    for name, text in (("damaged", "{"), ("huge", " " * 1_000_001)):
        folder = scene.folder.exports / name
        folder.mkdir(parents=True)
        (folder / RECORD).write_text(text)
    (scene.folder.exports / f"{STAGING}half").mkdir()
    found = scene.exports.look("a-run")
    assert [(one.name, one.record) for one in sorted(found, key=lambda one: one.name)] == [
        ("damaged", None),
        ("huge", None),
    ]
    assert asdict(found[0])["folder"].parent == scene.folder.exports


@given(st.floats(0, 10), st.floats(0, 10), st.floats(1e-6, 1))
def test_a_merge_counts_only_if_it_is_near_and_nearer_than_the_base(merged: float, base: float, limit: float) -> None:
    peers = Peers(merged, base, limit)
    if peers.are_equal:
        assert merged <= limit
        assert base <= limit or merged <= base / 2
    assert not Peers(limit * 2, base, limit).are_equal
    assert Peers(0.0, base, limit).are_equal
    assert not Peers(float("inf"), base, limit).are_equal


def test_the_command_line_exports_lists_and_refuses(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = installed(capsys, workspace, monkeypatch)
    line.export = exported
    give_result(line.add(state=RunState.FINISHED).run_dir)
    told = line.say("export", "a-run", "--as", "merged", "--set", "dtype=bfloat16", "--name", "mine", "--json").json()
    assert (told["name"], told["exporter"], told["size_bytes"] > 1000) == (
        "mine", {"name": "merged", "dtype": "bfloat16"}, True,
    )  # fmt: skip
    said = line.say("export", "a-run", "--as", "adapter")
    assert "It is the same." in said.out
    assert "Merging ..." in said.err
    listed = line.say("export", "a-run", "--json").json()
    assert sorted(one["name"] for one in listed["exports"]) == ["adapter", "mine"]
    assert [one["refusal"] for one in listed["kinds"]] == ["", ""]
    assert "mine" in line.say("export", "a-run").out
    assert line.say("export", "a-run", "--as", "gguf", "--json").error()["id"] == "exporter-unknown"
    assert line.say("export", "a-run", "--as", "adapter", "--json").error()["id"] == "export-name-taken"
    assert line.say("export", "a-run", "--as", "merged", "--set", "dtype").code != 0
