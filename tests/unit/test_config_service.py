"""From raw text to a validated RunConfig and back."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.run_config import RunConfig
from backend.methods import LoraFamily, Method
from backend.quantization import Nf4, NoQuantization
from backend.services.config_service import ConfigService
from backend.services.errors import ConfigInvalid, ConfigUnreadable
from backend.spec import members
from config.catalog import preset_path
from config.yaml_files import parse_yaml

CONFIGS = ConfigService()
SMALL: dict[str, Any] = {"base_model": "demo", "dataset": "rows.jsonl"}


def test_short_forms_stand_for_the_first_field() -> None:
    config = CONFIGS.parse(SMALL | {"method": "dora"})
    assert (config.base_model.path, config.dataset.path, config.method.name) == ("demo", "rows.jsonl", "dora")


def test_every_preset_is_a_valid_configuration() -> None:
    for name in CONFIGS.presets():
        assert isinstance(CONFIGS.read(preset_path(name)), RunConfig)


def test_qlora_brings_its_quantization_and_refuses_to_lose_it() -> None:
    assert isinstance(CONFIGS.parse(SMALL | {"method": "qlora"}).quantization, Nf4)
    with pytest.raises(ConfigInvalid, match="qlora"):
        CONFIGS.parse(SMALL | {"method": "qlora", "quantization": "none"})


def test_lora_is_not_quantized_unless_asked() -> None:
    assert isinstance(CONFIGS.parse(SMALL).quantization, NoQuantization)


def test_a_method_that_needs_full_weights_refuses_quantization() -> None:
    with pytest.raises(ConfigInvalid, match="pissa"):
        CONFIGS.parse(SMALL | {"method": "pissa", "quantization": "nf4"})


def test_an_unknown_key_is_named_with_a_suggestion() -> None:
    with pytest.raises(ConfigInvalid, match=r"training\.learning_rte: unknown key; did you mean learning_rate\?"):
        CONFIGS.parse(SMALL | {"training": {"learning_rte": 1e-4}})


def test_problems_name_the_key_without_the_union_member() -> None:
    found = CONFIGS.problems(SMALL | {"method": {"name": "lora", "rank": 0}})
    assert [problem.key for problem in found] == ["method.rank"]


def test_all_problems_are_told_at_once() -> None:
    found = CONFIGS.problems({"dataset": {"path": ""}, "training": {"batch_size": 0, "seed": -1}})
    assert {problem.key for problem in found} == {
        "base_model",
        "dataset.path",
        "training.batch_size",
        "training.seed",
    }


def test_a_good_draft_has_no_problems() -> None:
    assert CONFIGS.problems(SMALL) == ()


@pytest.mark.parametrize("override", ["method.rank=4", "training.max_steps=7", "name='x: y'", "method=dora"])
def test_overrides_are_read_as_yaml(tmp_path: Path, override: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("base_model: demo\ndataset: a.jsonl\nmethod: lora\n")
    key, _, text = override.partition("=")
    value: Any = CONFIGS.read(path, [override]).model_dump()
    for part in key.split("."):
        value = value[part]
    wanted = text.strip("'")
    assert str(value["name"] if key == "method" else value) == wanted


@pytest.mark.parametrize("override", ["rank", "=4", "a..b=1", "name.x.y=1", "method.rank=[", "schema_version.a=2"])
def test_overrides_that_cannot_be_meant_are_refused(tmp_path: Path, override: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("schema_version: 1\nname: a\nbase_model: demo\ndataset: a.jsonl\n")
    with pytest.raises(ConfigInvalid):
        CONFIGS.read(path, [override])


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [", "a: &x 1\nb: *x\n", "a: 1\na: 2\n", "[" * 200, "\xff"])
def test_files_that_are_no_mapping_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigUnreadable):
        CONFIGS.read(path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigUnreadable, match="No such file"):
        CONFIGS.read(tmp_path / "nothing.yaml")


METHODS = st.sampled_from([spec.spec_name() for spec in members(Method) if issubclass(spec, LoraFamily)])


@given(
    method=METHODS,
    rank=st.integers(1, 1024),
    alpha=st.floats(0.01, 4096),
    rate=st.floats(1e-9, 10),
    name=st.text(max_size=40).filter(lambda text: "\x00" not in text),
    steps=st.none() | st.integers(1, 10**8),
)
def test_a_configuration_survives_yaml(
    method: str, rank: int, alpha: float, rate: float, name: str, steps: int | None
) -> None:
    """Feature: peft-studio-fix, Property 2: what a form writes is what `train` reads."""
    raw = SMALL | {
        "name": name,
        "method": {"name": method, "rank": rank, "alpha": alpha},
        "training": {"learning_rate": rate, "max_steps": steps},
    }
    config = CONFIGS.parse(raw)
    assert CONFIGS.parse(parse_yaml(CONFIGS.dump(config))) == config


@given(raw=st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(max_size=12)))
def test_any_mapping_is_taken_or_refused_with_reasons(raw: dict[str, Any]) -> None:
    problems = CONFIGS.problems(raw)
    assert problems
    assert all(problem.message for problem in problems)


def test_settings_without_a_name_are_those_of_the_default_choice() -> None:
    config = ConfigService().parse(
        {"base_model": "demo", "dataset": "x", "method": {"rank": 4}, "recipe": {"answers_only": False}}
    )
    assert (config.method.name, config.recipe.name, config.quantization.name) == ("lora", "sft", "none")
    quantized = ConfigService().parse(
        {"base_model": "demo", "dataset": "x", "method": "qlora", "quantization": {"double": False}}
    )
    assert quantized.quantization.name == "nf4"


def test_a_text_becomes_a_draft_without_the_keys_that_nobody_knows() -> None:
    draft, unknown = ConfigService().draft_from("method: {name: lora, rnk: 3}\ntraining: {epochs: 0}\nfoo: 1\n")
    assert draft == {"method": {"name": "lora"}, "training": {"epochs": 0}}
    assert [str(one) for one in unknown] == ["method.rnk: unknown key; did you mean rank?", "foo: unknown key"]


@pytest.mark.parametrize("text", ["- a", "a: .nan", "a: 2020-01-01", "a: [", "a: &x 1\nb: *x"])
def test_a_text_that_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(ConfigUnreadable):
        ConfigService().draft_from(text, "file.yaml")
