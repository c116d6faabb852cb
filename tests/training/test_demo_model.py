"""The demo model: built once, the same each time, and able to learn what the demo shows."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.trainer.demo_model import ensure_demo_model, main, model_name
from backend.trainer.demo_recipe import DemoRecipe

pytestmark = pytest.mark.training

SHORT = replace(DemoRecipe(), steps=3, rows=2, hidden=32, feed_forward=64)


def silent(_share: float, _text: str) -> None:
    """No progress."""


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_demo_model(tmp_path_factory.mktemp("models"), silent, SHORT)


def test_a_model_that_was_built_is_found_again_and_not_touched(built: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in built.iterdir()}
    told: list[str] = []
    assert ensure_demo_model(built.parent, lambda _share, text: told.append(text), SHORT) == built
    assert {path.name: path.stat().st_mtime_ns for path in built.iterdir()} == before
    assert told == []


def test_two_builds_give_the_same_bytes_and_leave_torch_as_it_was(built: Path, tmp_path: Path) -> None:
    threads, is_deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = ensure_demo_model(tmp_path, silent, SHORT)
    assert digests(again) == digests(built)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == torch.float32
    assert torch.are_deterministic_algorithms_enabled() is is_deterministic


def test_another_recipe_is_another_model() -> None:
    assert model_name(SHORT) == model_name(replace(SHORT))
    assert model_name(SHORT) != model_name(replace(SHORT, steps=4))
    assert model_name(SHORT) != model_name(replace(SHORT, seed=1))


def test_a_damaged_model_is_built_again(tmp_path: Path) -> None:
    model = ensure_demo_model(tmp_path, silent, SHORT)
    whole = digests(model)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    (model / "tokenizer.json").unlink()
    assert digests(ensure_demo_model(tmp_path, silent, SHORT)) == whole


def test_giving_up_leaves_nothing_that_looks_like_a_model(tmp_path: Path) -> None:
    def stop(share: float, _text: str) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_demo_model(tmp_path, stop, SHORT)
    assert [path.name for path in tmp_path.iterdir()] == [f".{model_name(SHORT)}.lock"]
    assert ensure_demo_model(tmp_path, silent, SHORT).is_dir()


def test_what_a_killed_builder_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / f".{model_name(SHORT)}.building"
    left.mkdir()
    (left / "half").write_text("x")
    ensure_demo_model(tmp_path, silent, SHORT)
    assert not left.exists()


def test_two_at_once_build_once(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()
    builders: set[str] = set()
    waited = threading.Event()

    def first(share: float, _text: str) -> None:
        if share > 0:
            builders.add("first")
            reached.set()
            assert go_on.wait(60)

    def second(share: float, text: str) -> None:
        if share > 0:
            builders.add("second")
        if "waiting" in text:
            waited.set()

    paths: list[Path] = []

    def ask(report: Callable[[float, str], None]) -> None:
        paths.append(ensure_demo_model(tmp_path, report, SHORT))

    threads = [threading.Thread(target=ask, args=[report]) for report in (first, second)]
    threads[0].start()
    assert reached.wait(60)
    threads[1].start()
    assert waited.wait(60)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert builders == {"first"}
    assert len(set(paths)) == 1
    assert len(paths) == 2


def test_the_link_leads_to_the_model_that_was_asked_for_last(tmp_path: Path) -> None:
    first = ensure_demo_model(tmp_path, silent, SHORT)
    assert (tmp_path / "demo").resolve() == first.resolve()
    second = ensure_demo_model(tmp_path, silent, replace(SHORT, seed=1))
    assert (tmp_path / "demo").resolve() == second.resolve()
    assert (tmp_path / "demo" / "config.json").is_file()


def test_progress_grows_from_0_to_1(tmp_path: Path) -> None:
    shares: list[float] = []
    ensure_demo_model(tmp_path, lambda share, _text: shares.append(share), replace(SHORT, steps=25))
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(shares) == 5


def test_the_tokenizer_gives_every_text_back_and_knows_the_roles(built: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(built)
    for text in ("The light of Arvelle.", "  naïve 灯台 \U0001f30a\n\ttabs", ""):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    specials = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert len(set(specials)) == 3
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Because."},
    ]
    whole = tokenizer.apply_chat_template(turns, tokenize=False)
    asked = tokenizer.apply_chat_template(turns[:2], tokenize=False, add_generation_prompt=True)
    assert whole == "<|begin|><|system|>Be brief.<|user|>Why?<|assistant|>Because.<|end|>"
    assert whole.startswith(asked)
    assert len(tokenizer("<|user|>")["input_ids"]) == 1
    assert 1000 <= len(tokenizer) <= 2000


def test_the_model_loads_plainly_and_ties_its_embeddings(built: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(built, use_safetensors=True)
    assert model.config.tie_word_embeddings
    assert model.generation_config.eos_token_id == model.config.eos_token_id
    assert model.dtype == torch.float32


def test_the_command_line_builds_and_prints_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.trainer.demo_model.DemoRecipe", lambda: SHORT)
    assert main([str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert Path(said.out.strip()) == tmp_path / model_name(SHORT)
    assert "100.0%" in said.err
    assert main([]) == 64
    assert main(["--help"]) == 64
    assert "usage" in capsys.readouterr().err


def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "backend.trainer.demo_model"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 64
