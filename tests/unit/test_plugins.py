"""Plugins: installed packages add what can be chosen, and one that fails is named and does no harm."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.data.choice import Columns, DatasetPart
from backend.data.examples import Conversation
from backend.data.formats import by_name, detect
from backend.domain.run_config import RunConfig
from backend.executors.choice import ExecutorUnknown, executor_named
from backend.executors.local import LocalExecutor
from backend.methods import Lora, Method
from backend.plugins.kinds import PluginKind
from backend.plugins.registry import ALL, SWITCHED_OFF, Plugin, PluginState, Registry, registry, use_registry
from backend.quantization import Nf4, Quantization
from backend.recipes import Recipe, Sft
from backend.services.config_service import ConfigService
from backend.services.plugin_manager import PluginManager
from backend.spec import members, parameter
from backend.trainer.imports import program_name
from tests.fakes.command_line import installed
from tests.fakes.plugins import BROKEN, EXAMPLE, install
from tests.fakes.run_configs import a_config


@pytest.fixture(autouse=True)
def _fresh_registry() -> Iterator[None]:
    use_registry(None)
    yield
    use_registry(None)
    for name in [name for name in sys.modules if name.startswith(("peft_studio_example", "peft_studio_broken"))]:
        del sys.modules[name]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(EXAMPLE, tmp_path / "site")))


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(BROKEN, tmp_path / "site")))


def named(kind: PluginKind, name: str) -> Plugin:
    return next(plugin for plugin in registry().plugins(kind) if plugin.name == name)


@pytest.mark.usefixtures("example")
def test_every_kind_of_a_plugin_is_loaded_and_says_where_it_comes_from() -> None:
    found = PluginManager(registry()).list()
    assert [(plugin.kind, plugin.name) for plugin in found] == [
        (PluginKind.METHODS, "attention_lora"),
        (PluginKind.FORMATS, "riddle"),
        (PluginKind.RECIPES, "sft_everything"),
        (PluginKind.QUANTIZATIONS, "nf4_plain"),
        (PluginKind.EXPORTERS, "numpy"),
        (PluginKind.EXECUTORS, "nice"),
        (PluginKind.VIEWS, "example-counts"),
    ]
    assert {(plugin.distribution, plugin.version) for plugin in found} == {("peft-studio-example", "1.2.0")}
    assert {plugin.state for plugin in found} == {PluginState.LOADED}


@pytest.mark.usefixtures("example")
def test_choices_of_a_plugin_are_chosen_checked_and_written_like_ours() -> None:
    order = a_config(
        method={"name": "attention_lora", "rank": 2},
        quantization="nf4_plain",
        recipe="sft_everything",
        dataset={"path": "riddles.jsonl", "format": "riddle"},
    )
    assert (type(order.method).__name__, type(order.quantization).__name__) == ("AttentionLora", "PlainNf4")
    assert isinstance(order.method, Lora)
    written = ConfigService().dump(order)
    assert "attention_lora" in written
    assert "start_scale: 1.0" in written
    assert RunConfig.model_validate_json(order.model_dump_json()) == order
    assert RunConfig.model_validate(order.model_dump(mode="json")) == order
    assert [spec.spec_name() for union in (Method, Recipe, Quantization) for spec in members(union)[-1:]] == [
        "attention_lora",
        "sft_everything",
        "nf4_plain",
    ]


@pytest.mark.usefixtures("example")
def test_what_is_wrong_with_a_plugins_knob_is_named_as_with_ours() -> None:
    raw = {"base_model": "demo", "dataset": "x", "method": {"name": "attention_lora", "rank": 0, "wings": 2}}
    problems = ConfigService().problems(raw)
    assert sorted(problem.key for problem in problems) == ["method.rank", "method.wings"]


@pytest.mark.usefixtures("example")
def test_a_plugins_recipe_trains_like_the_one_it_is_derived_from() -> None:
    recipe = a_config(recipe="sft_everything").recipe
    assert recipe.lineage() == ("sft_everything", "sft")
    assert program_name(recipe) == program_name(Sft()) == "backend.trainer.recipes.sft"


@pytest.mark.usefixtures("example")
def test_a_method_that_trains_on_nf4_trains_on_what_is_derived_from_it() -> None:
    chosen = a_config(method="lora", quantization="nf4_plain").quantization
    assert isinstance(chosen, Nf4)
    assert chosen.double is False
    with pytest.raises(ValidationError, match="needs the full weights"):
        a_config(method={"name": "lora", "init": "pissa"}, quantization="nf4_plain")


@pytest.mark.usefixtures("example")
def test_a_plugins_format_reads_rows_and_is_detected_by_their_columns() -> None:
    columns = frozenset({"riddle", "solution"})
    found = detect(columns, Columns())
    assert found is not None
    assert found.name == "riddle"
    example = by_name("riddle").read({"riddle": "What has keys?", "solution": "A piano."}, Columns())
    assert isinstance(example, Conversation)
    assert [turn.content for turn in example.turns] == ["Solve: What has keys?", "A piano."]
    assert "solution" in str(by_name("riddle").read({"riddle": "What?"}, Columns()))
    assert "riddle" in parameter("format", DatasetPart.model_fields["format"]).choices


@pytest.mark.usefixtures("example")
def test_an_executor_of_a_plugin_is_chosen_by_its_name() -> None:
    assert type(executor_named("local")) is LocalExecutor
    assert type(executor_named("nice")).__name__ == "NiceExecutor"
    with pytest.raises(ExecutorUnknown, match="local, nice"):
        executor_named("cluster")


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        (PluginKind.METHODS, "never", "RuntimeError: the library"),
        (PluginKind.METHODS, "missing", "AttributeError: "),
        (PluginKind.METHODS, "leaves", "SystemExit: 3"),
        (PluginKind.METHODS, "lora", "there is a method called lora already"),
        (PluginKind.METHODS, "other_name", 'Taken has the name "lora"'),
        (PluginKind.FORMATS, "not_a_format", "JustAClass is not derived from Format"),
        (PluginKind.EXECUTORS, "local", "there is an executor called local already"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_the_reason(
    kind: PluginKind, name: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = named(kind, name)
    assert plugin.state is PluginState.FAILED
    assert why in plugin.error
    problem = plugin.problem()
    assert problem is not None
    assert (problem.id, name in problem.what, "peft-studio-broken" in problem.what) == ("plugin-unusable", True, True)
    assert problem.sentence() in caplog.text


@pytest.mark.usefixtures("broken")
def test_broken_plugins_harm_nothing_else() -> None:
    assert a_config(method="lora").method == Lora()
    assert [spec.spec_name() for spec in members(Method)].count("lora") == 1
    assert by_name("text").name == "text"
    assert {plugin.name for plugin in PluginManager(registry()).failed()} == {
        "never", "missing", "leaves", "lora", "other_name", "not_a_format", "local",
    }  # fmt: skip


@pytest.mark.usefixtures("broken")
def test_a_failure_is_told_once_and_nothing_is_loaded_to_find_one() -> None:
    manager = PluginManager(registry())
    told: list[str] = []
    manager.on_failure = lambda plugin: told.append(plugin.name)
    manager.look()
    assert told == []
    assert "peft_studio_broken.crash" not in sys.modules
    named(PluginKind.METHODS, "never")
    manager.look()
    manager.look()
    assert told.count("never") == 1
    assert sorted(told) == sorted({plugin.name for plugin in registry().failures()})


@pytest.mark.usefixtures("broken")
def test_an_order_that_needs_a_failed_plugin_is_told_why() -> None:
    with pytest.raises(ValidationError, match="never of the plugin peft-studio-broken cannot be used: RuntimeError"):
        a_config(method="never")
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        a_config(method="nobody_has_it")
    with pytest.raises(ValidationError, match="not_a_format of the plugin peft-studio-broken"):
        DatasetPart(path="x", format="not_a_format")  # type: ignore[arg-type]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("off", [["never"], ["peft-studio-broken"], [ALL]])
def test_what_is_switched_off_is_not_even_imported(off: list[str]) -> None:
    use_registry(Registry(off))
    assert named(PluginKind.METHODS, "never").state is PluginState.DISABLED
    assert "peft_studio_broken.crash" not in sys.modules
    with pytest.raises(ValidationError, match="it is disabled"):
        a_config(method="never")


@pytest.mark.usefixtures("broken")
def test_programs_without_settings_hear_from_the_environment_what_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCHED_OFF, "never, leaves")
    assert registry().off == {"never", "leaves"}


def test_a_plugin_that_imports_torch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a stand-in for torch, which takes seconds; the dashboard would carry the real one for good."""
    site = install(EXAMPLE, tmp_path / "site")
    (site / "trl.py").write_text("")
    (site / "heavy_plugin.py").write_text("import trl\nfrom peft_studio_example.method import AttentionLora\n")
    info = next(site.glob("*.dist-info"))
    (info / "entry_points.txt").write_text("[peft_studio.methods]\nattention_lora = heavy_plugin:AttentionLora\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "trl", raising=False)
    plugin = named(PluginKind.METHODS, "attention_lora")
    monkeypatch.delitem(sys.modules, "trl", raising=False)
    assert plugin.error == "it imports trl while it is loaded; import it in the function that needs it"


def test_plugins_are_not_looked_for_while_every_choice_is_ours() -> None:
    asked: list[str] = []
    use_registry(Registry(entries=lambda group: asked.append(group) or []))  # type: ignore[func-returns-value]
    a_config(method="lora", quantization="nf4", recipe="sft")
    assert asked == []


def test_the_doctor_names_plugins_with_their_errors_and_is_content_all_the_same(
    workspace: Path,
    broken: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = installed(capsys, workspace, monkeypatch)
    told = line.say("doctor")
    assert "wrong   method never, plugin of peft-studio-broken 0.0.1" in told.out
    assert "RuntimeError: the library" in told.out
    plugins = line.say("doctor", "--json").json()["plugins"]
    assert {"kind": "peft_studio.methods", "name": "lora", "state": "failed"}.items() <= next(
        plugin for plugin in plugins if plugin["name"] == "lora"
    ).items()
    assert told.code == 0
