"""How much memory a run will take: traced by a program once, remembered, corrected by what runs took."""

import json
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.memory_fit import Fit, Forecasting, memory_words, range_words
from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryOrder, MemoryPart
from backend.domain.memory_peaks import MEASURED_SOURCE, as_measured, tokens_of_rows
from backend.domain.memory_room import room_bytes
from backend.domain.places import Place, Places
from backend.domain.run import Attempt
from backend.domain.run_config import RunConfig
from backend.domain.states import RunState, Wish
from backend.errors import StorageError
from backend.probes.package_folders import installed_folders
from backend.services.hardware import HardwareService
from backend.services.measured_peaks import MeasuredPeaks
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_room import MemoryRoom
from backend.services.model_files import ModelFiles
from backend.services.program_answers import FAILED_SECONDS
from backend.services.tracing_version import tracing_version
from backend.store.kept_answers import KeptAnswers
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Reply, ScriptedProgram
from tests.fakes.machine import CPU_TORCH, CUDA_TORCH, GIBIBYTE, NO_GPU, ONE_GPU, FakeMachine, FakePackages
from tests.fakes.memory import MB, a_record, a_trace, left_behind, says_trace
from tests.fakes.model_folders import weights
from tests.fakes.run_configs import a_config
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, a_run

LONG = 60.0
WRONG = {"id": "method-unsuitable", "what": "No.", "why": "It does not fit.", "fix": "Other.", "at": "now"}


class Desk:
    """Forecasts over a scripted program, a folder that keeps, and runs in memory."""

    def __init__(self, folder: Path, reply: Reply = lambda _: says_trace(), **facts: Any) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.program = ScriptedProgram(reply, self.clock)
        self.machine = FakeMachine(facts.get("gpus", NO_GPU))
        self.packages = FakePackages(build=facts.get("torch", CPU_TORCH))
        self.store: FakeRunStore = facts.get("store") or FakeRunStore(self.clock)
        self.orders: dict[str, RunConfig] = facts.get("orders", {})
        self.versions = facts.get("version", "1")
        kept = KeptAnswers(folder / "cache")
        hardware = HardwareService(self.machine, self.clock)
        self.forecasts = MemoryForecasts(
            program=self.program,
            clock=self.clock,
            files=ModelFiles(folder / "models"),
            kept=kept,
            room=MemoryRoom(hardware, self.packages, lambda: 10 * GIBIBYTE, {}),
            peaks=MeasuredPeaks(self.store, lambda run_id: self.orders[run_id], kept, lambda: self.versions),
            version=lambda: self.versions,
            longest=facts.get("longest", lambda _config, _base: None),
        )

    def look(self, **order: Any) -> Forecasting:
        return self.forecasts.look(a_config(**{"base_model": "model"} | order), self.folder)

    def ask(self, wait_seconds: float = LONG, **order: Any) -> Forecasting:
        return self.forecasts.ask(a_config(**{"base_model": "model"} | order), self.folder, wait_seconds)

    def sent(self, number: int = 0) -> MemoryOrder:
        return MemoryOrder.model_validate_json(self.program.children[number].heard[0])

    def a_measured_run(self, run_id: str, measured_mb: int, record: dict[str, Any] | None = None, **order: Any) -> None:
        """A finished run with what it took; the traces of its kind are asked for from then on."""
        run_dir = self.folder / "runs" / run_id
        left_behind(run_dir, a_record(measured_mb, **record or {}))
        self.orders[run_id] = a_config(**{"base_model": str(self.folder / "model")} | order)
        attempts = (Attempt(1, "t", NOON, ended_at=NOON + timedelta(minutes=1), exit_code=0),)
        self.store.create(a_run(run_id, run_dir=run_dir, state=RunState.FINISHED, wish=Wish.STOP, attempts=attempts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"model_type": "llama"}))
    weights(model / "model.safetensors", {"model.embed_tokens.weight": ("F32", [8, 16])})
    return tmp_path


def test_a_look_starts_nothing_and_a_question_starts_one_program(folder: Path) -> None:
    desk = Desk(folder)
    assert desk.look().forecast is None
    assert desk.program.children == []
    found = desk.ask()
    assert found.forecast is not None
    assert found.forecast.basis is Basis.TRACED
    assert found.forecast.trace == a_trace()
    assert sum(found.forecast.parts.values()) == found.forecast.likely_bytes
    assert (found.room_bytes, found.fit) == (10 * GIBIBYTE, Fit.YES)
    assert desk.ask().forecast == desk.look().forecast == found.forecast
    assert len(desk.program.children) == 1
    assert desk.program.environments[0]["HF_HUB_OFFLINE"] == "1"
    desk.forecasts.close()


def test_an_answer_that_is_kept_starts_no_program_after_a_restart(folder: Path) -> None:
    first = Desk(folder)
    told = first.ask()
    first.forecasts.close()
    second = Desk(folder)
    assert second.look().forecast == told.forecast
    assert second.ask().forecast == told.forecast
    assert second.program.children == []
    second.forecasts.close()


def test_another_model_file_and_other_libraries_ask_anew(folder: Path) -> None:
    desk = Desk(folder)
    desk.ask()
    weights(folder / "model" / "model.safetensors", {"model.embed_tokens.weight": ("F32", [16, 16])})
    assert desk.look().forecast is None
    assert desk.ask().forecast is not None
    desk.forecasts.close()
    assert Desk(folder).look().forecast is not None
    assert Desk(folder, version="2").look().forecast is None


def test_what_changes_no_size_asks_no_second_time(folder: Path) -> None:
    desk = Desk(folder)
    desk.ask()
    same = {"training": {"learning_rate": 1e-5, "seed": 7, "max_steps": 5}, "name": "other"}
    assert desk.look(**same).forecast is not None
    assert desk.look(base_model=str(folder / "model"), dataset=str(folder / "other.jsonl")).forecast is not None
    assert desk.look(training={"batch_size": 8}).forecast is None
    assert desk.look(dataset={"path": "x.jsonl", "validation_fraction": 0}).forecast is None
    desk.forecasts.close()


def test_the_longest_row_is_told_where_it_is_known_and_is_cut_like_the_rows(folder: Path) -> None:
    lengths = iter([77, 5000, None])
    longest = {"now": next(lengths)}
    desk = Desk(folder, longest=lambda _config, _base: longest["now"])
    for number, told in enumerate([77, 1024, None]):
        desk.ask()
        assert desk.sent(number).longest_tokens == told
        longest["now"] = next(lengths, None)
    desk.forecasts.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([json.dumps({"error": WRONG, "exit_code": 65}), 65], "It does not fit."),
        (["nonsense", 1], "ended with code 1"),
        (['{"trace": {"parts": "many"}}', 0], "ended with code 0"),
        ([-9], "ended with code -9"),
    ],
)
def test_a_program_that_gives_no_figures_is_quoted_and_asked_again_after_a_while(
    said: list[Any], told: str, folder: Path
) -> None:
    desk = Desk(folder, lambda _: said)
    error = desk.ask().error
    assert error is not None
    assert told in error.why
    desk.program.reply = lambda _: says_trace()
    assert desk.ask().error is not None
    desk.clock.advance(FAILED_SECONDS)
    assert desk.ask().forecast is not None
    desk.forecasts.close()


def test_a_forecast_that_nobody_waits_for_is_given_up(folder: Path) -> None:
    desk = Desk(folder, lambda _: [])
    assert desk.ask().forecast is None  # silence lets the clock run: who asked once is gone
    desk.program.reply = lambda _: says_trace()
    assert desk.ask().forecast is not None
    assert all(child.exit_code is not None for child in desk.program.children)
    desk.forecasts.close()


def test_many_threads_get_the_same_answer_of_one_program(folder: Path) -> None:
    desk = Desk(folder)
    found: list[Forecasting] = []
    threads = [threading.Thread(target=lambda: found.append(desk.ask())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.program.children) == 1
    assert len({one.forecast.likely_bytes for one in found if one.forecast}) == 1
    desk.forecasts.close()


def test_runs_that_were_measured_correct_the_next_forecast(folder: Path) -> None:
    desk = Desk(folder)
    traced = desk.ask().forecast
    assert traced is not None
    for number, took in enumerate([110, 120, 130]):
        desk.a_measured_run(f"run-{number}", took)
    found = desk.ask()
    assert found.forecast is not None
    assert found.forecast.basis is Basis.CALIBRATED
    assert not found.is_calibrating
    assert any("3 measured runs" in source for source in found.forecast.sources)
    assert found.forecast.low_bytes <= (600 + 120) * MB <= found.forecast.high_bytes
    assert desk.sent(1).longest_tokens == 64  # as long as the rows that were trained, not as long as they may be
    assert len(desk.program.children) == 2  # runs of the same shape share a trace
    desk.forecasts.close()

    again = Desk(folder, store=desk.store, orders=desk.orders)
    assert again.look().forecast == found.forecast
    assert again.program.children == []
    again.forecasts.close()


@pytest.mark.parametrize(("number", "is_alike"), [("2.36", False), ("2.41", True)])
def test_an_older_record_teaches_runs_with_a_heap_like_its_own(folder: Path, number: str, is_alike: bool) -> None:
    desk = Desk(folder)
    desk.ask()
    desk.a_measured_run("older", 120, {"heap": "", "versions": {"glibc": number}})
    found = desk.ask().forecast
    assert found is not None
    assert (found.basis is Basis.CALIBRATED) == is_alike
    desk.forecasts.close()


@pytest.mark.parametrize(
    "record",
    [{"steps": 1}, {"how": "sampled"}, {"processes": 2}, {"peak_bytes": 0}],
)
def test_a_run_that_was_not_measured_whole_teaches_nothing(record: dict[str, Any], folder: Path) -> None:
    desk = Desk(folder)
    desk.ask()
    desk.a_measured_run("torn", 110, record)
    found = desk.ask().forecast
    assert found is not None
    assert found.basis is Basis.TRACED
    desk.forecasts.close()


def test_a_run_of_another_device_teaches_nothing(folder: Path) -> None:
    desk = Desk(folder, gpus=ONE_GPU, torch=CUDA_TORCH)
    desk.ask()
    assert desk.sent().device == "cuda"
    desk.a_measured_run("slow", 110)
    found = desk.ask().forecast
    assert found is not None
    assert (found.device, found.basis) == ("cuda", Basis.TRACED)
    desk.forecasts.close()


def test_a_store_that_does_not_answer_leaves_the_trace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(folder)
    desk.ask()

    def broken() -> None:
        raise StorageError

    monkeypatch.setattr(desk.store, "list", broken)
    found = desk.ask()
    assert found.forecast is not None
    assert found.forecast.basis is Basis.TRACED
    desk.forecasts.close()


def test_after_the_end_no_program_is_started(folder: Path) -> None:
    desk = Desk(folder)
    desk.forecasts.close()
    assert desk.ask().forecast is None
    assert desk.program.children == []


def test_what_three_steps_took_holds_for_exactly_that_configuration(folder: Path) -> None:
    desk = Desk(folder)
    desk.ask()
    config = a_config(base_model="model")
    desk.forecasts.keep_measured(desk.forecasts.asked(config, folder), 90 * MB, 610 * MB)
    found = desk.look().forecast
    assert found is not None
    assert (found.basis, found.sources) == (Basis.MEASURED, (MEASURED_SOURCE,))
    assert found.low_bytes == found.likely_bytes == found.high_bytes == 700 * MB
    assert sum(found.parts.values()) == 700 * MB
    other = desk.ask(training={"batch_size": 2}).forecast
    assert other is not None
    assert other.basis is Basis.CALIBRATED
    desk.forecasts.close()
    again = Desk(folder).look().forecast
    assert again == found


@given(st.integers(0, 500), st.integers(0, 800), st.none() | st.integers(1, 300))
def test_the_parts_of_what_was_measured_add_up_and_none_is_negative(took: int, imports: int, peak: int | None) -> None:
    found = as_measured(a_trace(peak) if peak else None, "cpu", took * MB, imports * MB)
    assert sum(found.parts.values()) == found.likely_bytes == (took + imports) * MB
    assert min(found.parts.values()) >= 0


@given(st.integers(1, 64), st.integers(1, 4096), st.integers(1, 64))
def test_the_row_that_explains_a_micro_batch_makes_one_that_is_as_large(rows: int, tokens: int, size: int) -> None:
    longest = tokens_of_rows(rows, tokens, size)
    if rows >= size:
        assert longest == tokens
    else:
        assert rows * tokens <= longest * size < rows * tokens + size


def a_forecast(low: float, high: float) -> MemoryForecast:
    middle = int((low + high) / 2)
    facts: dict[str, Any] = {"low_bytes": int(low), "likely_bytes": middle, "high_bytes": int(high)}
    return MemoryForecast(device="cpu", parts={MemoryPart.WEIGHTS: middle}, basis=Basis.TRACED, sources=(), **facts)


@pytest.mark.parametrize(
    ("room", "fit"), [(None, Fit.UNKNOWN), (99, Fit.HARDLY), (100, Fit.PERHAPS), (199, Fit.PERHAPS), (200, Fit.YES)]
)
def test_whether_it_fits_is_told_by_both_ends(room: int | None, fit: Fit) -> None:
    assert Forecasting(a_forecast(100, 200), room_bytes=room).fit is fit
    assert Forecasting(None, room_bytes=room).fit is Fit.UNKNOWN


def test_sizes_read_alike() -> None:
    assert range_words(a_forecast(310e6, 380e6)) == "310 to 380 MB"
    assert range_words(a_forecast(900e6, 1.3e9)) == "900 MB to 1.3 GB"
    assert range_words(a_forecast(3.1e9, 3.1e9)) == "3.1 GB"
    assert memory_words(2_345e9) == "2,345 GB"


def test_a_run_on_several_gpus_has_the_room_of_the_fullest_that_it_needs() -> None:
    places = Places(tuple(Place(f"gpu:{i}", 100, free) for i, free in enumerate([70, 20, 50])), has_gpus=True)
    two = a_config(devices={"processes": 2}).devices
    assert room_bytes(two, places, "cuda", 999) == 50
    assert room_bytes(two, places, "cpu", 999) == 499
    assert room_bytes(two, Places((Place("gpu:MIG-1"),)), "cuda", 999) is None


def test_a_gpu_that_the_installed_torch_cannot_use_is_none(folder: Path) -> None:
    desk = Desk(folder, gpus=ONE_GPU)
    assert desk.look().room_bytes == 10 * GIBIBYTE
    desk.packages.build = CUDA_TORCH
    assert desk.look().room_bytes == 149_000
    assert desk.look(devices={"kind": "cpu"}).room_bytes == 10 * GIBIBYTE


def test_kept_answers_outlive_damage_and_stay_few(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path / "kept", most=10)
    for number in range(25):
        kept.put(f"order {number}", {"number": number})
    assert kept.get("order 24") == {"number": 24}
    assert len(list((tmp_path / "kept").iterdir())) <= 10
    for text in ["", "[1]", "{", '{"name": "order 24", "answer": 3}', '{"name": "other", "answer": {}}']:
        kept._path("order 24").write_text(text)
        assert kept.get("order 24") is None
    (tmp_path / "file").touch()
    KeptAnswers(tmp_path / "file" / "below").put("a", {})  # what cannot be kept is not kept
    assert kept.get("never") is None


def test_the_version_of_traces_names_libraries_and_code(tmp_path: Path) -> None:
    assert re.search(r"peft-\S+-info .*torch-\S+-info .* code [0-9a-f]{16}$", tracing_version())
    for name in ("torch-2.1.dist-info", "torch_other-1.dist-info", "Peft-3.egg-info", "torch", "numpy-2.dist-info"):
        (tmp_path / name).mkdir()
    assert (
        installed_folders(frozenset({"torch", "peft"}), [str(tmp_path), "/nowhere"])
        == "Peft-3.egg-info torch-2.1.dist-info"
    )
