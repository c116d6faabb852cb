"""What a run has made is handed on: merged into one model, or as a zip; verified, whole or not at all."""

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from backend.domain.export_errors import (
    ExportBusy,
    ExportDiffers,
    ExportNameTaken,
    ExportNoRoom,
    ExportRefused,
    ExportUnsafe,
)
from backend.domain.exports import LOCK, RECORD, ExportOrder, ExportRecord
from backend.domain.run_config import BaseModelChoice
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.executors.lock_file import held
from backend.executors.piped import PipedProgram
from backend.exporters import AdapterZip, Exporter, Merged
from backend.plugins.registry import use_registry
from backend.services.config_service import ConfigService
from backend.services.exports import Exports, Surroundings
from backend.services.playground import Playground
from backend.store.checkpoints import STAGING
from tests.fakes.clock import FakeClock
from tests.fakes.plugins import EXAMPLE, install
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run
from tests.training.recipe_runs import sections_for
from tests.training.runs import ROOT, MakeRun, Room, attempt_here
from tests.untraced import untraced

pytestmark = pytest.mark.training
TEXT = "What is 3 plus 4?"


@pytest.fixture(scope="module")
def run(room: Room, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished LoRA run whose adapter changes the answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEFT_STUDIO_THREADS", "1")
        made = MakeRun(room, tmp_path_factory.mktemp("exports"))("lora", training={"max_steps": 6, "save_steps": 6})
        attempt_here(made)
    return made


def order(run: RunDirectory, exporter: Exporter, name: str = "", private: tuple[str, ...] = ()) -> ExportOrder:
    from backend.trainer.order import read_order

    config = read_order(run)
    return ExportOrder(
        run_dir=str(run.root),
        run_id="the-run",
        name=name or exporter.suggested_name(),
        title="sums",
        exporter=exporter,  # type: ignore[arg-type]  # one of the union
        base_model=BaseModelChoice(path=config.base_model.path),
        config=config,
        private=(str(run.root.parent), *private),
        at="2026-11-29T12:00:00+00:00",
    )


def exported(
    run: RunDirectory, exporter: Exporter, name: str = "", **more: Any
) -> tuple[Path, ExportRecord, list[str]]:
    from backend.trainer.exporting import export

    said: list[str] = []
    chosen = order(run, exporter, name, **more)
    record = export(chosen, said.append)
    return run.exports / chosen.name, record, said


def logits(model: Any, tokenizer: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(**tokenizer(TEXT, return_tensors="pt", return_token_type_ids=False)).logits


def base_and_adapter(run: RunDirectory, adapter: Path) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(
        json.loads((run.adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    )
    return logits(PeftModel.from_pretrained(base, str(adapter)), AutoTokenizer.from_pretrained(run.adapter))


def merged_logits(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return logits(AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))


def test_a_merged_model_answers_as_base_and_adapter_without_peft_and_names_no_folder(run: RunDirectory) -> None:
    import torch

    folder, record, said = exported(run, Merged())
    names = {path.name for path in folder.iterdir()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "README.md",
        RECORD,
    } <= names
    torch.testing.assert_close(merged_logits(folder), base_and_adapter(run, run.adapter), rtol=1e-4, atol=1e-4)
    assert ExportRecord.model_validate_json((folder / RECORD).read_text()) == record
    figures = record.verified.figures
    assert figures["logits_distance"] <= figures["tolerance"] < figures["logits_distance_of_base"]
    assert "answers as base and adapter do" in record.verified.told
    texts = "".join(path.read_text() for path in folder.glob("*") if path.suffix in {".json", ".md", ".jinja"})
    assert str(run.root.parent) not in texts
    assert str(Path.home()) not in texts
    assert "Merging" in said
    assert [path.name for path in run.exports.iterdir() if path.name.startswith(STAGING)] == []


def test_a_number_format_is_written_and_verified(run: RunDirectory) -> None:
    from safetensors import safe_open

    folder, record, _ = exported(run, Merged(dtype="bfloat16"))
    assert folder.name == "merged-bfloat16"
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        assert {str(file.get_tensor(name).dtype) for name in file.keys()} == {"torch.bfloat16"}  # noqa: SIM118 - its method
    assert record.verified.figures["tolerance"] == pytest.approx(0.1)


def test_an_adapter_trained_on_four_bits_is_merged_into_what_it_was_trained_on(make_run: MakeRun) -> None:
    made = make_run("nf4", method="lora", quantization="nf4", training={"max_steps": 4, "save_steps": 4})
    attempt_here(made)
    folder, record, _ = exported(made, Merged(dtype="float32"))
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    figures = record.verified.figures
    assert figures["logits_distance"] < figures["logits_distance_of_base"]
    assert merged_logits(folder).isfinite().all()


def test_a_reward_model_is_merged_with_its_head(make_run: MakeRun, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    made = make_run("reward", **sections_for("reward", tmp_path))
    attempt_here(made)
    folder, _, _ = exported(made, Merged())
    assert AutoModelForSequenceClassification.from_pretrained(folder).config.num_labels == 1


def test_the_adapter_is_one_zip_that_peft_loads_elsewhere(run: RunDirectory, tmp_path: Path) -> None:
    import torch

    folder, record, _ = exported(run, AdapterZip())
    assert {path.name for path in folder.iterdir()} == {"sums.zip", RECORD}
    with zipfile.ZipFile(folder / "sums.zip") as packed:
        assert packed.testzip() is None
        packed.extractall(tmp_path)
    place = tmp_path / "sums"
    assert (place / "tokenizer.json").is_file()
    assert json.loads((place / "adapter_config.json").read_text())["base_model_name_or_path"] == "llama"
    assert str(run.root.parent) not in (place / "README.md").read_text()
    assert torch.equal(base_and_adapter(run, place), base_and_adapter(run, run.adapter))
    assert "bit for bit" in record.verified.told
    again, _, _ = exported(run, AdapterZip(), "again")
    assert (again / "sums.zip").read_bytes() == (folder / "sums.zip").read_bytes()


def test_without_the_tokenizer_it_is_the_adapter_and_its_card(run: RunDirectory) -> None:
    folder, _, _ = exported(run, AdapterZip(tokenizer=False), "bare")
    with zipfile.ZipFile(folder / "sums.zip") as packed:
        assert sorted(packed.namelist()) == [
            "sums/README.md", "sums/adapter_config.json", "sums/adapter_model.safetensors",
        ]  # fmt: skip


def test_a_key_in_a_text_is_never_handed_on(make_run: MakeRun, run: RunDirectory) -> None:
    import shutil

    made = make_run("key")
    shutil.copytree(run.adapter, made.adapter)
    (made.adapter / "README.md").write_text(f"use {'hf_' + 'x' * 30}\n")
    with pytest.raises(ExportUnsafe, match=r"README\.md holds what looks like a key"):
        exported(made, AdapterZip())
    left = [path.name for path in made.exports.iterdir()]
    assert left == [LOCK]


def test_a_merge_that_changes_nothing_is_no_merge(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: without the adapter's part the model is written, found to differ, and taken back."""
    from peft.tuners.lora import LoraModel

    monkeypatch.setattr(LoraModel, "merge_and_unload", lambda self, **_: self.unload())
    with pytest.raises(ExportDiffers, match="away from base and adapter"):
        exported(run, Merged(), "wrong")
    assert not (run.exports / "wrong").exists()


def test_what_peft_cannot_merge_is_refused_with_its_words(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    from peft.tuners.lora import LoraModel

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("aLoRA does not support merging")

    monkeypatch.setattr(LoraModel, "merge_and_unload", refuse)
    with pytest.raises(ExportRefused, match="aLoRA does not support merging"):
        exported(run, Merged(), "refused")


def test_a_name_that_is_taken_a_second_program_and_a_small_disk_are_refused(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from backend.trainer import exporting

    exported(run, AdapterZip(), "taken")
    with pytest.raises(ExportNameTaken):
        exported(run, AdapterZip(), "taken")
    with held(run.exports / LOCK), pytest.raises(ExportBusy):
        exported(run, AdapterZip(), "second")
    usage = shutil.disk_usage(run.root)._replace(free=1_000_000)
    monkeypatch.setattr(exporting.shutil, "disk_usage", lambda _: usage)
    for exporter in (AdapterZip(), Merged()):
        with pytest.raises(ExportNoRoom, match="Nothing was written"):
            exported(run, exporter, "large")


def test_what_a_killed_program_left_is_cleared_away_by_the_next(run: RunDirectory) -> None:
    left = run.exports / f"{STAGING}merged-99"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    exported(run, AdapterZip(), "after")
    assert not left.exists()


PROGRAM = (sys.executable, "-m", "backend.trainer.export")
HELD_UP = """
import sys, time
from backend.trainer import export as program

answer = program._answer

def held_up(order, say):
    def hear(said):
        say(said)
        if said == "Merging":
            time.sleep(600)  # until it is killed

    return answer(order, hear)

program._answer = held_up
sys.exit(program.main())
"""


class Desk:
    """The service over the real program."""

    def __init__(self, run: RunDirectory, workspace: Path, argv: tuple[str, ...] = PROGRAM) -> None:
        clock = FakeClock()
        store = FakeRunStore(clock)
        store.create(a_run(run_dir=run.root, state=RunState.FINISHED, name="sums"))
        surroundings = untraced(os.environ) | {
            "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT), *SITE]))
        }
        program = PipedProgram(argv, workspace, workspace / "export.log", surroundings=surroundings)
        playground = Playground(store, None)  # type: ignore[arg-type]  # nobody chats
        around = Surroundings(workspace / "trash")
        self.exports = Exports(store, ConfigService(), playground, program, clock, around, held)


SITE: list[str] = []


def test_a_plugins_exporter_works_in_the_real_program(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    from safetensors.numpy import load_file

    site = str(install(EXAMPLE, tmp_path / "site"))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(sys.modules[__name__], "SITE", [site])
    use_registry(None)
    try:
        exports = Desk(run, tmp_path).exports
        said: list[str] = []
        done = exports.export(exports.order("a-run", exports.exporter("numpy", {"compressed": True})), said.append)
    finally:
        use_registry(None)
        for name in [name for name in sys.modules if name.startswith("peft_studio_example")]:
            del sys.modules[name]
    assert done.record is not None
    assert done.record.verified.told.endswith("were read again and are equal.")
    assert "Writing the matrices" in said
    wanted = load_file(run.adapter / "adapter_model.safetensors")
    with np.load(done.folder / "weights.npz") as found:
        assert {name: found[name].tolist() for name in found} == {name: t.tolist() for name, t in wanted.items()}


def test_a_program_that_is_cancelled_in_the_middle_leaves_nothing(run: RunDirectory, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def enough(said: str) -> None:
        if said == "Merging":
            assert [path for path in run.exports.iterdir() if path.name.startswith(STAGING)]
            raise Enough

    exports = Desk(run, tmp_path, (sys.executable, "-c", HELD_UP)).exports
    with pytest.raises(Enough):
        exports.export(exports.order("a-run", Merged(), "cancelled"), enough)
    names = [path.name for path in run.exports.iterdir()]
    assert "cancelled" not in names
    assert not any(name.startswith(STAGING) for name in names)
