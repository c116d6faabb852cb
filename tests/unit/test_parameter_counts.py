"""What would be trained: counted exactly or not at all, by a program only where arithmetic is not exact."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.domain.trainable import CountOrder, How
from backend.domain.weight_sizes import weight_bytes
from backend.services.parameter_counts import PATIENCE_SECONDS, ParameterCounts
from backend.services.program_answers import FAILED_SECONDS
from backend.store.base_model_facts import cached_model, model_facts
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Reply, ScriptedProgram
from tests.fakes.model_folders import weights
from tests.fakes.run_configs import a_config

SHAPES = {
    "model.embed_tokens.weight": [8, 16],
    "model.layers.0.self_attn.q_proj.weight": [16, 16],
    "model.layers.0.mlp.up_proj.weight": [32, 16],
    "lm_head.weight": [8, 16],
}
WRONG = {"id": "method-unsuitable", "what": "No.", "why": "It does not fit.", "fix": "Other.", "at": "now"}
LONG = 120.0


def model(folder: Path, **config: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **config}))
    weights(folder / "model.safetensors", {name: ("F32", shape) for name, shape in SHAPES.items()})
    return folder


class Desk:
    """A counter over a scripted program."""

    def __init__(self, folder: Path, reply: Reply) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.program = ScriptedProgram(reply, self.clock)
        self.counts = ParameterCounts(program=self.program, clock=self.clock, models_folder=folder / "models")

    def look(self, method: Any, path: str = "model") -> Any:
        return self.counts.look(a_config(base_model=path, method=method), self.folder)

    def ask(self, method: Any, path: str = "model") -> Any:
        return self.counts.ask(a_config(base_model=path, method=method), self.folder, LONG)


def desk(folder: Path, *said: Any) -> Desk:
    model(folder / "model")
    return Desk(folder, lambda _order: said)


def test_arithmetic_needs_no_program(tmp_path: Path) -> None:
    found = desk(tmp_path).look({"name": "lora", "rank": 2})
    assert (found.count.trained, found.count.total) == (2 * 32 + 2 * 48, 128 + 256 + 512 + 128)
    assert found.count.how is How.ARITHMETIC
    assert found.model.weight_bytes == (tmp_path / "model" / "model.safetensors").stat().st_size


def test_a_tied_head_counts_once_and_what_is_one_table_by_two_names_is_left_to_the_program(tmp_path: Path) -> None:
    model(tmp_path / "model", tie_word_embeddings=True)
    here = Desk(tmp_path, lambda _order: ())
    assert here.look("full").count.trained == 128 + 256 + 512
    assert here.look({"name": "freeze", "head": True}).count is None


def test_other_methods_are_asked_of_a_program_once(tmp_path: Path) -> None:
    here = desk(tmp_path, '{"count": {"trained": 7, ', '"total": 70}}', 0)
    assert here.look("ia3").count is None
    found = here.ask("ia3")
    assert (found.count.trained, found.count.share, found.count.how) == (7, 0.1, How.LAYERS)
    assert here.look("ia3").count == here.ask("ia3").count
    assert len(here.program.children) == 1
    order = CountOrder.model_validate_json(here.program.children[0].heard[0])
    assert (order.method.name, order.folder) == ("ia3", str(tmp_path))
    here.counts.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([json.dumps({"error": WRONG, "exit_code": 65}), 65], "It does not fit."),
        (["nonsense", 1], "ended with code 1"),
        (['{"count": {"trained": "many"}}', 0], "ended with code 0"),
        ([-9], "ended with code -9"),
        ([], f"was ended after {PATIENCE_SECONDS:g} seconds"),
    ],
)
def test_a_program_that_gives_no_number_is_quoted(said: list[Any], told: str, tmp_path: Path) -> None:
    here = desk(tmp_path, *said)
    if not said:  # silence: keep asking, as an open page does
        here.counts._answers._check_wanted = lambda _key: None  # type: ignore[method-assign]
    found = here.ask("ia3")
    assert found.count is None
    assert told in found.error.why
    here.counts.close()


def test_a_count_that_nobody_waits_for_any_more_is_given_up_and_can_be_asked_again(tmp_path: Path) -> None:
    here = desk(tmp_path)
    assert here.ask("ia3").error is None  # silence lets the clock run: the page that asked once is gone
    here.program.reply = lambda _order: ['{"count": {"trained": 7, "total": 70}}', 0]
    assert here.ask("ia3").count.trained == 7
    assert all(child.exit_code is not None for child in here.program.children)
    here.counts.close()


def test_a_failure_is_asked_again_after_a_while(tmp_path: Path) -> None:
    here = desk(tmp_path, "nonsense", 1)
    assert here.ask("ia3").error is not None
    here.program.reply = lambda _order: ['{"count": {"trained": 7, "total": 70}}', 0]
    assert here.ask("ia3").error is not None
    here.clock.advance(FAILED_SECONDS)
    assert here.ask("ia3").count.trained == 7
    here.counts.close()


def test_weights_that_come_after_the_configuration_are_seen_and_counts_of_the_old_files_are_not(tmp_path: Path) -> None:
    here = desk(tmp_path, '{"count": {"trained": 7, "total": 70}}', 0)
    file = tmp_path / "model" / "model.safetensors"
    content = file.read_bytes()
    file.unlink()
    assert here.look("full").count is None
    assert here.ask("full").count.trained == 7
    file.write_bytes(content)
    assert (here.look("full").count.total, here.look("full").count.how) == (1024, How.ARITHMETIC)
    assert here.look("ia3").count is None
    here.counts.close()


def test_the_hub_is_not_asked_for_a_model_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    here = desk(tmp_path, "nonsense", 1)
    here.ask("ia3")
    here.ask("ia3", "org/name")
    assert [each.get("HF_HUB_OFFLINE") for each in here.program.environments] == ["1", None]
    here.counts.close()


def test_a_model_that_is_not_here_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    here = Desk(tmp_path, lambda _order: ())
    for path in ("demo", "org/name", "nowhere"):
        assert here.look("lora", path).model is None
        assert here.look("lora", path).count is None
    folder = model(tmp_path / "hub" / "models--org--name" / "snapshots" / "abc")
    assert cached_model("org/name", None) is None
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc")
    assert cached_model("org/name", None) == folder == cached_model("org/name", "abc")
    assert here.look("lora", "org/name").count.trained == 8 * 32 + 8 * 48
    model(tmp_path / "models" / "demo")
    assert here.look("lora", "demo").model.folder == (tmp_path / "models" / "demo").resolve()


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_config_that_cannot_be_read_tells_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    assert model_facts(tmp_path) is None


def test_the_size_of_the_weights_follows_from_their_shapes_and_the_number_format() -> None:
    shapes = {name: tuple(shape) for name, shape in SHAPES.items()}
    tables, linear = 256, 768
    assert weight_bytes(shapes, "none", "bfloat16") == 2 * (tables + linear)
    assert weight_bytes(shapes, "none", "float32") == 4 * (tables + linear)
    assert weight_bytes(shapes, "int8", "bfloat16") == 2 * tables + linear + 4 * 48
    assert weight_bytes(shapes, "nf4", "bfloat16", is_double=False) == 2 * tables + linear / 2 + linear / 64 * 4
    assert weight_bytes(shapes, "nf4", "bfloat16") < weight_bytes(shapes, "nf4", "bfloat16", is_double=False)
