"""How the trainer program ends: exit code, exit record, and nothing half-written."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat, Phase
from backend.errors import (
    EXIT_CHECKPOINTED,
    EXIT_CONFIGURATION,
    EXIT_DATA,
    EXIT_IO,
    EXIT_SOFTWARE,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
)
from backend.trainer.__main__ import main
from tests.training.runs import (
    MakeRun,
    attempt_here,
    checkpoints,
    curves,
    exit_record,
    finish,
    read,
    spawn,
    weights,
)

pytestmark = pytest.mark.training


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], int]]:
    """The program in this process: its signals and environment are put back, bitsandbytes stays importable."""
    import peft  # noqa: F401 - once it is loaded, bitsandbytes is not hidden any more

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    environ = dict(os.environ)
    yield lambda run: main([str(run.root)])
    for number, handler in before.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environ)


def test_a_good_end_is_0_and_the_lock_says_who_held_it(make_run: MakeRun, program: Any) -> None:
    run = make_run()

    assert program(run) == 0

    assert exit_record(run) == ExitRecord(code=0, step=12)
    identity = json.loads(read(run.trainer_lock))
    assert identity["pid"] == os.getpid()
    assert identity["start_ticks"] > 0
    assert identity["boot_id"]


def test_a_finished_run_that_is_started_again_does_nothing(make_run: MakeRun) -> None:
    run = make_run()
    attempt_here(run)
    first, files = weights(run), set(run.tensorboard.iterdir())

    assert finish(spawn(run)) == 0, read(run.log(1))

    assert exit_record(run) == ExitRecord(code=0, step=12)
    assert weights(run) == first
    assert set(run.tensorboard.iterdir()) == files
    beat = Heartbeat.from_json(read(run.heartbeat))
    assert beat is not None
    assert beat.step == 12


def test_a_held_lock_means_75_and_nothing_is_touched(make_run: MakeRun) -> None:
    run = make_run()
    holder = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", holder, run.trainer_lock], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            code = main([str(run.root)])
        finally:
            process.kill()
    assert code == EXIT_CHECKPOINTED
    assert not run.heartbeat.exists()
    assert not run.exit_record(1).exists()


@pytest.mark.parametrize("arguments", [[], ["/no/such/folder"], ["a", "b"]])
def test_wrong_use_is_64(arguments: list[str]) -> None:
    assert main(arguments) == EXIT_USAGE


@pytest.mark.parametrize(
    ("change", "code", "error", "words"),
    [
        ({"trainning": {}}, EXIT_CONFIGURATION, "run-config-invalid", "trainning"),
        ({"training": {"max_steps": -1}}, EXIT_CONFIGURATION, "run-config-invalid", "training.max_steps"),
        ({"base_model": "/no/such/model"}, EXIT_USAGE, "model-not-found", "/no/such/model"),
        ({"base_model": "."}, EXIT_USAGE, "model-not-found", "config.json"),
        (
            {"method": {"name": "lora", "target_modules": ["q_proj", "nose"]}},
            EXIT_CONFIGURATION,
            "target-modules-unknown",
            "nose. The method's target_modules name it. Linear layers that exist: down_proj",
        ),
        ({"training": {"precision": "float16"}}, EXIT_CONFIGURATION, "precision-unsupported", "float16"),
        ({"training": {"max_length": 8}}, EXIT_DATA, "rows-too-long", "within 8 tokens"),
        ({"method": {"name": "pissa", "rank": 1000}}, EXIT_CONFIGURATION, "method-unsuitable", "pissa"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_cannot_work_is_said_and_leaves_nothing(
    change: dict[str, Any], code: int, error: str, words: str, make_run: MakeRun, program: Any
) -> None:
    run = make_run(**change)

    assert program(run) == code

    record = exit_record(run)
    assert (record.code, record.error_id) == (code, error)
    assert words in f"{record.what} {record.why}"
    assert record.fix
    assert not run.adapter.exists()
    assert not run.checkpoints.exists() or not checkpoints(run)


def test_a_run_without_a_configuration_is_told_so(make_run: MakeRun, program: Any) -> None:
    run = make_run()
    run.config.unlink()

    assert program(run) == EXIT_CONFIGURATION
    assert exit_record(run).error_id == "run-config-invalid"


def test_a_missing_dataset_is_an_error_of_the_data(make_run: MakeRun, program: Any) -> None:
    run = make_run(dataset="gone.jsonl")

    assert program(run) in (EXIT_DATA, EXIT_USAGE)
    assert exit_record(run).what


def test_pickled_weights_are_refused(make_run: MakeRun, program: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_text((make_run.room.models["llama"] / "config.json").read_text())
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    run = make_run(base_model=str(folder))

    assert program(run) == EXIT_CONFIGURATION
    assert exit_record(run).error_id == "model-unsafe"


def test_a_loss_that_is_not_finite_stops_the_run_before_it_reaches_the_weights(
    make_run: MakeRun, program: Any, tmp_path: Path
) -> None:
    rows = make_run.room.dataset.read_text(encoding="utf-8").splitlines()
    rows[20] = rows[20].replace("Please", "~").replace("What", "~")
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    model = poisoned(make_run.room.models["llama"], tmp_path / "poisoned", "~")
    dataset = {"path": str(tmp_path / "rows.jsonl"), "validation_fraction": 0}
    run = make_run(base_model=str(model), dataset=dataset, training={"max_steps": None, "epochs": 1})

    assert program(run) == EXIT_SOFTWARE

    record = exit_record(run)
    assert record.error_id == "loss-not-finite"
    assert f"The loss is nan at step {record.step + 1}." in record.what
    assert record.step == len(curves(run).get("train/loss", []))
    assert not run.adapter.exists()


def poisoned(source: Path, target: Path, token: str) -> Path:
    """A copy of a model in which one token's embedding is not a number."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source)
    (number,) = tokenizer(token, add_special_tokens=False)["input_ids"]
    model.get_input_embeddings().weight.data[number] = float("nan")
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def test_another_attempt_s_token_keeps_a_checkpoint_from_being_written(make_run: MakeRun, program: Any) -> None:
    run = make_run()
    os.environ |= {"PEFT_STUDIO_TOKEN": "old", "PEFT_STUDIO_ATTEMPT": "1"}
    run.fence.write_text('{"number": 2, "token": "new"}')

    assert program(run) == EXIT_IO

    assert exit_record(run).error_id == "attempt-superseded"
    assert checkpoints(run) == set()


def test_a_trainer_started_by_hand_takes_the_fence_s_attempt(make_run: MakeRun, program: Any) -> None:
    run = make_run(training={"max_steps": 1})
    run.fence.write_text('{"number": 3, "token": "abc"}')

    assert program(run) == 0
    assert run.exit_record(3).exists()


def test_a_hub_that_may_not_be_asked_is_told_so(
    make_run: MakeRun, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    run = make_run(base_model="some-org/some-model")

    assert program(run) == EXIT_UNAVAILABLE
    assert exit_record(run).error_id == "model-offline"


def test_a_full_disk_ends_the_attempt_and_keeps_the_last_checkpoint(make_run: MakeRun, program: Any) -> None:
    """A limit on file sizes makes writes fail as a full disk does; Python gets EFBIG, torch its own words."""
    run = make_run()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.trainer.errors.free_bytes", lambda _: 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
        try:
            code = program(run)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert code == EXIT_IO
    assert exit_record(run).error_id == "disk-full"
    assert checkpoints(run) == set()
    attempt_here(run)
    assert run.adapter.exists()


def test_term_while_loading_ends_soon_with_75_and_saves_nothing(make_run: MakeRun) -> None:
    run = make_run()
    process = spawn(run, at=(Phase.PREPARING, 0, signal.SIGTERM))

    assert finish(process) == EXIT_CHECKPOINTED, read(run.log(1))
    assert exit_record(run).code == EXIT_CHECKPOINTED
    assert not run.checkpoints.exists() or not checkpoints(run)
