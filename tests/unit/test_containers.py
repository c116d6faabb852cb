"""The composition root: everything can be built, replaced, and closed."""

import dataclasses
import io
import threading
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from backend.container_graph import graph
from backend.containers import build_container
from backend.data.choice import DatasetPart
from backend.domain import events
from backend.domain.events import DatasetsChanged, Event, ModelsChanged, PluginFailed, PresetsChanged, RunRemoved
from backend.errors import StorageError
from backend.plugins.kinds import PluginKind
from backend.plugins.registry import Plugin, PluginState, Registry
from backend.services.bundle import Services
from backend.services.error_handler import Edge
from backend.services.plugin_manager import PluginManager
from backend.store.errors import StoreBusy
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.drafts import edit_draft
from tests.fakes.event_bytes import points, scalar, version, write
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

BACKEND = Path(events.__file__).parents[1]
CONFIG = {"base_model": "demo", "dataset": "sample:tiny.jsonl"}


@pytest.fixture
def settings(workspace: Path) -> Settings:
    return Settings(workspace=workspace)


def test_every_provider_builds_what_it_says(settings: Settings) -> None:
    container = build_container(settings)
    for name, provider in container.providers.items():
        assert provider() is not None, name
    container.shutdown_resources()


def test_the_bundle_has_services_of_the_declared_types(settings: Settings) -> None:
    container = build_container(settings)
    services = container.services()
    hints = typing.get_type_hints(Services)
    for field in dataclasses.fields(services):
        assert isinstance(getattr(services, field.name), hints[field.name]), field.name
    container.shutdown_resources()


def test_building_opens_and_writes_nothing(settings: Settings) -> None:
    build_container(settings)
    assert not settings.workspace.exists()


def test_a_replaced_store_reaches_every_service(settings: Settings) -> None:
    container = build_container(settings)
    fake = FakeRunStore(FakeClock())
    container.store.override(providers.Object(fake))
    services = container.services()
    services.states.of("a session").update_state(lambda state: dataclasses.replace(state, ui=state.ui))
    services.processes.reconcile()
    assert services.status.list() == ()
    assert not (settings.workspace / "studio.db").exists()


def test_many_threads_get_the_same_services(settings: Settings) -> None:
    container = build_container(settings)
    found: list[Services] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(container.services())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(services) for services in found}) == 1
    container.shutdown_resources()


def test_containers_share_nothing(tmp_path: Path) -> None:
    one, two = (build_container(Settings(workspace=tmp_path / name)) for name in ("one", "two"))
    assert one.services() is not two.services()
    assert one.settings().workspace != two.settings().workspace
    one.shutdown_resources()
    two.shutdown_resources()


@pytest.mark.parametrize(("max_bytes", "num_kept"), [(10**9, 1), (0, 0)])
def test_curves_are_kept_in_the_workspace_unless_that_is_switched_off(
    workspace: Path, tmp_path: Path, max_bytes: int, num_kept: int
) -> None:
    path = write(tmp_path / "run", "1", [version(), scalar(1, 0.5)])
    container = build_container(Settings(workspace=workspace, curve_cache_max_bytes=max_bytes))
    container.clock.override(providers.Object(FakeClock(datetime.now(UTC) + timedelta(hours=1))))
    curves = container.curves()
    assert points(curves.curves(path.parent)) == [(1, 0.5)]
    assert curves._settle(path.parent)
    assert len(list(workspace.glob("cache/curves/*.arrow"))) == num_kept
    assert list(path.parent.iterdir()) == [path]
    curves.close()


def test_the_graph_tells_who_is_given_what_and_what_is_built(settings: Settings) -> None:
    container = build_container(settings)
    before = {node.name: node for node in graph(container)}
    assert before.keys() == container.providers.keys() - {"__self__"}
    assert not any(node.is_built for node in before.values() if node.name != "settings")
    assert before["settings"].is_built, "it was replaced by these settings"
    assert before["status"].given == ("executor", "files", "store")
    assert "settings" in before["library"].given, "also what is taken from its fields"
    container.status()
    after = {node.name for node in graph(container) if node.is_built}
    assert after == {"settings", "clock", "store", "files", "plugins", "executor", "status"}
    container.store().close()


def test_a_run_that_another_program_removed_is_let_go_everywhere(settings: Settings) -> None:
    container = build_container(settings)
    store = FakeRunStore(FakeClock())
    container.store.override(providers.Object(store))
    services = container.services()
    for name in ("stays", "goes"):
        store.create(a_run(name, run_dir=settings.runs_folder / name))
        write(settings.runs_folder / name / "tensorboard", "1", [version(), scalar(1, 0.5)])
    services.journal.look()
    usage = services.storage.usage()
    assert services.storage.usage() is usage
    goes = services.sources.curves("run:goes")
    stays = services.sources.curves("run:stays")
    store.delete("goes")
    services.journal.look()
    assert RunRemoved("goes", settings.runs_folder / "goes") in [each.event for each in services.bus.recent()]
    assert services.storage.usage() is not usage, "the workspace is measured anew"
    assert services.curves.curves(settings.runs_folder / "goes" / "tensorboard") is not goes
    assert services.sources.curves("run:stays") is stays
    container.shutdown_resources()


def test_what_a_person_changes_is_told_to_the_bus(settings: Settings, tmp_path: Path) -> None:
    container = build_container(settings)
    services = container.services()
    rows = tmp_path / "mine.jsonl"
    rows.write_text('{"prompt": "a", "completion": "b"}\n' * 2)

    def told(change: Callable[[], object]) -> list[type[Event]]:
        before = services.bus.num_published()
        change()
        return [type(each.event) for each in services.bus.recent() if each.number > before]

    def upload() -> None:
        services.datasets.upload("mine.jsonl", io.BytesIO(rows.read_bytes()))

    registry, config = services.dataset_desk.registry, services.configs.parse(CONFIG)
    assert told(upload) == [DatasetsChanged]
    assert told(upload) == [], "the same bytes are there already"
    assert told(lambda: registry.add(str(rows))) == [DatasetsChanged]
    assert told(lambda: registry.read_as(DatasetPart(path=str(rows), format="text"))) == [DatasetsChanged]
    assert told(lambda: registry.remove(str(rows))) == [DatasetsChanged]
    assert told(lambda: services.models.add_folder(str(tmp_path))) == [ModelsChanged]
    assert told(lambda: services.configs.save_preset("mine", config)) == [PresetsChanged]
    assert told(lambda: services.configs.rename_preset("mine", "yours")) == [PresetsChanged]
    assert told(lambda: services.configs.delete_preset("yours")) == [PresetsChanged]
    container.shutdown_resources()


def test_a_plugin_that_failed_is_told_to_the_bus(settings: Settings) -> None:
    container = build_container(settings)
    plugin = Plugin(PluginKind.VIEWS, "page", "package", "1", PluginState.LOADED)
    registry = Registry(entries=lambda _: [])
    registry._kinds[plugin.kind] = (plugin,)
    container.plugins.override(providers.Object(PluginManager(registry)))
    services = container.services()
    registry.refuse(plugin, "it is of no use")
    services.plugins.look()
    assert [each.event for each in services.bus.recent()] == [PluginFailed("page", "it is of no use")]
    container.shutdown_resources()


def test_every_event_that_there_is_is_published_somewhere() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in BACKEND.rglob("*.py"))
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    leaves = [kind.__name__ for kind in kinds if not kind.__subclasses__()]
    assert [name for name in leaves if f"{name}(" not in source.replace(f"class {name}(", "")] == []


def test_an_error_anywhere_has_unsaved_work_stored_again(settings: Settings) -> None:
    container = build_container(settings)
    store = FakeRunStore(FakeClock())
    container.store.override(providers.Object(store))
    services = container.services()
    save, store.save_draft = store.save_draft, _refuse
    manager = services.states.of("a session")
    manager.update_state(edit_draft({"name": "unfinished"}))
    assert manager.save_error is not None
    store.save_draft = save
    container.errors().handle(RuntimeError("a mistake"), "draw", Edge(present=lambda _: None))
    assert manager.save_error is None
    container.shutdown_resources()


def test_a_store_that_answers_again_is_asked_once_more(settings: Settings) -> None:
    container = build_container(settings)
    services = container.services()
    failures = [StoreBusy(url="x", detail="locked")]

    def ask() -> int:
        if failures:
            raise failures.pop()
        return services.status.version()

    shown: list[object] = []
    asked = container.errors().with_error_handling("ask", Edge(present=shown.append))(ask)
    assert asked() == services.status.version()
    assert shown == []
    container.shutdown_resources()


def _refuse(*_: object) -> None:
    raise StorageError


def test_new_datasets_and_models_are_told_to_all(workspace: Path) -> None:
    made = build_container(Settings(workspace=workspace))
    services = made.services()
    try:
        heard: list[Event] = []
        services.bus.subscribe(Event, heard.append)
        services.datasets.upload("a.jsonl", io.BytesIO(b'{"instruction": "a", "output": "b"}\n'))
        folder = workspace.parent / "mine"
        folder.mkdir()
        services.models.add_folder(str(folder))
        assert heard == [DatasetsChanged(), ModelsChanged()]
    finally:
        made.shutdown_resources()
