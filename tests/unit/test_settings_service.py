"""Settings are changed while the studio runs: kept in a file, checked first, told to who listens."""

import os
import threading
import tomllib
from pathlib import Path

import pytest

from backend import programs
from backend.containers import StudioContainer, build_container
from backend.domain.setting_state import SettingState
from backend.plugins.registry import SWITCHED_OFF
from backend.services import settings_service
from backend.services.setting_states import keys, masked, secrets
from backend.services.settings_errors import SettingFixed, SettingInvalid, SettingsNotKept, SettingUnknown
from backend.services.settings_service import SettingsService
from config.setting_fields import Effect, effect_of, group_of
from config.setting_layers import Source
from config.settings import PREFIX, FeatureFlags, Settings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the studio is started, beside its workspace."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def file(workspace: Path, here: Path) -> Path:
    workspace.mkdir()
    return workspace / "studio.toml"


@pytest.fixture
def service(file: Path) -> SettingsService:
    return SettingsService(Settings())


def state(service: SettingsService, key: str) -> SettingState:
    return next(state for state in service.sources() if state.key == key)


def test_a_change_is_kept_and_holds_at_once_and_for_later_starts(service: SettingsService, file: Path) -> None:
    service.set("cpu_slots", 3)
    assert service.current().cpu_slots == 3
    assert tomllib.loads(file.read_text()) == {"cpu_slots": 3}
    assert Settings().cpu_slots == 3
    found = state(service, "cpu_slots")
    assert (found.value, found.default, found.source, found.origin) == (3, 1, Source.FILE, str(file))
    service.reset("cpu_slots")
    assert (service.current().cpu_slots, file.read_text().strip()) == (1, "")
    assert state(service, "cpu_slots").source is Source.DEFAULT


def test_flags_and_lists_are_kept_as_they_were_typed_or_clicked(service: SettingsService, file: Path) -> None:
    service.set("flags.developer", True)
    service.set("backoff_seconds", ["0", "2.5"])
    assert service.current().flags.developer is True
    assert service.current().backoff_seconds == (0.0, 2.5)
    assert tomllib.loads(file.read_text()) == {"backoff_seconds": [0.0, 2.5], "flags": {"developer": True}}


@pytest.mark.parametrize(
    ("key", "value"),
    [("cpu_slots", 0), ("cpu_slots", "many"), ("after_reboot", "dance"), ("environment", "moon"), ("debug", "maybe")],
)
def test_a_value_that_cannot_be_used_is_refused_and_nothing_is_written(
    service: SettingsService, file: Path, key: str, value: object
) -> None:
    with pytest.raises(SettingInvalid) as refused:
        service.set(key, value)
    assert refused.value.data["problem"]
    assert not file.exists()


def test_a_setting_nobody_has_is_refused(service: SettingsService) -> None:
    with pytest.raises(SettingUnknown):
        service.set("wings", 2)
    with pytest.raises(SettingUnknown):
        service.reset("flags.wings")


def test_what_goes_before_the_file_keeps_it_from_being_changed_here(
    file: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + "CPU_SLOTS", "2")
    monkeypatch.setenv(PREFIX + "FLAGS__DEVELOPER", "true")
    (here / ".env").write_text(f"{PREFIX}MAX_FAILURES=5\n")
    (here / "studio.toml").write_text("trainer_threads = 4\n")
    service = SettingsService(Settings(port=8700))
    expected = {
        "cpu_slots": (2, Source.VARIABLE, PREFIX + "CPU_SLOTS"),
        "flags.developer": (True, Source.VARIABLE, PREFIX + "FLAGS__DEVELOPER"),
        "max_failures": (5, Source.DOTENV, str(here / ".env")),
        "trainer_threads": (4, Source.HERE, str(here / "studio.toml")),
        "port": (8700, Source.COMMAND, ""),
    }
    for key, told in expected.items():
        found = state(service, key)
        assert (found.value, found.source, found.origin) == told
        with pytest.raises(SettingFixed) as refused:
            service.set(key, 1)
        assert told[2] in str(refused.value)
    with pytest.raises(SettingFixed, match="PEFT_STUDIO_WORKSPACE"):
        service.set("workspace", "/elsewhere")
    assert not file.exists()


def test_the_profile_gives_values_below_every_file(service: SettingsService, file: Path) -> None:
    service.set("environment", "dev")
    assert (service.current().debug, service.current().flags.developer) == (True, True)
    assert state(service, "debug").source is Source.PROFILE
    service.set("debug", False)
    assert (service.current().debug, service.current().flags.developer) == (False, True)


def test_a_file_changed_by_hand_is_read_again_and_listeners_hear_which_keys(
    service: SettingsService, file: Path
) -> None:
    told: list[frozenset[str]] = []

    def fails(_changed: frozenset[str]) -> None:
        raise RuntimeError("a listener's mistake")

    service.listen(fails)
    service.listen(told.append)
    assert service.reload() == frozenset()
    file.write_text("# by hand\nmax_failures = 7\n[flags]\ntensorboard = false\n")
    assert service.reload() == {"max_failures", "flags.tensorboard"}
    assert service.reload() == frozenset()
    assert told == [frozenset({"max_failures", "flags.tensorboard"})]
    service.set("max_failures", 8)
    assert file.read_text().startswith("# by hand\nmax_failures = 8\n")
    file.unlink()
    assert service.reload() == {"max_failures", "flags.tensorboard"}


@pytest.mark.parametrize("text", ["port = [", "cpu_slots = 0\n"])
def test_a_file_that_cannot_be_used_changes_nothing_and_is_told(
    service: SettingsService, file: Path, text: str
) -> None:
    service.set("cpu_slots", 4)
    file.write_text(text)
    assert service.reload() == frozenset()
    assert service.current().cpu_slots == 4
    problem = service.problem()
    assert problem is not None
    assert problem.id == "settings-file-invalid"
    file.write_text("cpu_slots = 5\n")
    assert service.reload() == {"cpu_slots"}
    assert service.problem() is None


def test_what_takes_effect_at_the_next_start_waits_for_it(service: SettingsService, file: Path) -> None:
    service.set("port", 9000)
    service.set("flags.plugins", False)
    found = state(service, "port")
    assert (service.current().port, found.value, found.pending, found.is_pending) == (8000, 8000, 9000, True)
    assert service.current().flags.plugins is True
    assert SettingsService(Settings()).current().port == 9000


def test_a_file_that_cannot_be_written_is_told(service: SettingsService, file: Path) -> None:
    file.mkdir()
    with pytest.raises(SettingsNotKept):
        service.set("debug", True)


def test_the_file_keeps_its_rights_and_a_link_stays_one(service: SettingsService, file: Path, tmp_path: Path) -> None:
    service.set("cpu_slots", 3)
    assert file.stat().st_mode & 0o777 == 0o600
    real = tmp_path / "elsewhere.toml"
    file.rename(real)
    real.chmod(0o640)
    file.symlink_to(real)
    service.set("cpu_slots", 4)
    assert (file.is_symlink(), real.stat().st_mode & 0o777) == (True, 0o640)
    assert tomllib.loads(real.read_text()) == {"cpu_slots": 4}


def test_a_file_that_has_become_unreadable_is_not_written_over(service: SettingsService, file: Path) -> None:
    service.set("cpu_slots", 3)
    file.write_bytes(b"cpu_slots = 3 # \xff\n")
    with pytest.raises(SettingsNotKept):
        service.reset("cpu_slots")
    assert file.read_bytes() == b"cpu_slots = 3 # \xff\n"


def test_keys_that_no_setting_has_are_named(service: SettingsService, file: Path) -> None:
    file.write_text("prot = 8600\nworkspace = '/x'\n[flags]\nwings = true\n")
    service.reload()
    assert service.unknown_keys() == ("flags.wings", "prot")
    assert service.current().workspace == file.parent


def test_neither_passwords_nor_tokens_are_shown(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hidden-token")
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    file.write_text('store_url = "postgresql://me:hidden-word@host/db"\n')
    service = SettingsService(Settings())
    found = state(service, "store_url")
    assert found.value == "postgresql://me:***@host/db"
    assert found.fixed
    assert masked(file.read_text()) == 'store_url = "postgresql://me:***@host/db"\n'
    assert secrets() == {"HF_TOKEN": True, "HUGGING_FACE_HUB_TOKEN": False}
    assert "hidden" not in repr(service.sources())


def test_many_threads_lose_no_change(service: SettingsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_service, "LOCK_SECONDS", 60.0)
    wanted = {"cpu_slots": 5, "max_failures": 6, "trainer_threads": 7, "debug": True, "hub_offline": True}
    threads = [threading.Thread(target=service.set, args=item) for item in wanted.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: getattr(service.current(), key) for key in wanted} == wanted


def test_every_setting_says_its_group_effect_and_help() -> None:
    names = {*Settings.model_fields, *(f"flags.{name}" for name in FeatureFlags.model_fields)} - {"flags"}
    assert {key.name for key in keys()} == names
    for key in keys():
        assert group_of(key.field)
        assert effect_of(key.field)
        assert key.field.description


def container(workspace: Path) -> StudioContainer:
    return build_container(Settings(workspace=workspace))


def test_what_is_said_to_hold_at_once_does(workspace: Path, here: Path) -> None:
    made = container(workspace)
    services = made.services()
    try:
        assert services.memory.use().limit_bytes == 1_000_000_000
        for key, value in {
            "dashboard_memory_limit_bytes": 5,
            "hub_offline": True,
            "chat_idle_seconds": 7.0,
            "tensorboard_idle_minutes": 2,
            "cpu_slots": 9,
            "min_free_bytes": 11,
            "log_max_bytes": 5000,
            "curve_cache_max_bytes": 0,
            "after_reboot": "ask",
            "debug": True,
        }.items():
            services.settings.set(key, value)
        assert services.memory.limit_bytes == 5
        assert (services.chat.is_hub_offline, services.doctor.is_hub_offline, services.counts.is_hub_offline) == (
            True,
        ) * 3
        assert services.chat.idle_limit_seconds == 7.0
        assert services.tensorboard.idle_seconds == 120
        assert made.places().cpu_slots == 9
        assert (made.preflight().min_free_bytes, made.preflight().log_max_bytes) == (11, 5000)
        assert made.curve_cache().max_bytes == 0
        assert made.reboots().policy == "ask"
    finally:
        services.settings.set("debug", False)
        made.shutdown_resources()


def test_what_counts_parameters_loads_no_plugin_that_is_switched_off(
    workspace: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEFT_STUDIO_PLUGINS_DISABLED", '["a-plugin"]')
    program = programs.counter(Settings(workspace=workspace))
    assert program._surroundings[SWITCHED_OFF] == "a-plugin"


def test_a_supervisor_that_starts_later_gets_what_holds_by_then(
    workspace: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = container(workspace)
    program = made.supervisor()
    services = made.services()
    try:
        services.settings.set("max_failures", 9)
        services.settings.set("store_url", "sqlite:////elsewhere.db")
        for name, value in dict(program.environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(workspace)
        child = Settings()
        assert child.max_failures == 9
        assert child.url == made.settings().url, "one store for the dashboard and its supervisors, until the next start"
    finally:
        made.shutdown_resources()


def test_a_child_that_starts_in_another_folder_reads_the_files_of_the_first(
    file: Path, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".env").write_text(f"{PREFIX}MAX_FAILURES=5\n{PREFIX}STORE_URL=sqlite:///mine.db\n")
    (here / "studio.toml").write_text("trainer_threads = 4\n")
    settings = Settings()
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert Settings() == settings
    assert Settings().url == f"sqlite:///{here}/mine.db"


def test_what_outlives_this_version_names_neither_defaults_nor_what_the_file_says(
    file: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + "CPU_SLOTS", "2")
    file.write_text("max_failures = 9\n")
    (here / ".env").write_text(f"{PREFIX}TRAINER_THREADS=4\n{PREFIX}PORT=8000\n")
    told = Settings().as_changed_environment()
    del told[PREFIX + "STANDBY"], told[PREFIX + "SPARE"]  # of the tests' surroundings
    assert told == {
        PREFIX + "WORKSPACE": os.environ[PREFIX + "WORKSPACE"],
        PREFIX + "CPU_SLOTS": "2",
        PREFIX + "TRAINER_THREADS": "4",
    }


def test_each_effect_is_that_of_some_setting() -> None:
    assert {effect_of(key.field) for key in keys()} == set(Effect)


def test_two_studios_that_change_settings_at_once_lose_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_service, "LOCK_SECONDS", 60.0)
    first, second = SettingsService(Settings()), SettingsService(Settings())
    start = threading.Barrier(2)

    def change(service: SettingsService, key: str) -> None:
        start.wait()
        for value in range(2, 12):
            service.set(key, value)

    threads = [
        threading.Thread(target=change, args=facts)
        for facts in ((first, "cpu_slots"), (second, "tensorboard_idle_minutes"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tomllib.loads(file.read_text()) == {"cpu_slots": 11, "tensorboard_idle_minutes": 11}


def test_what_a_person_writes_into_the_file_meanwhile_stays(
    service: SettingsService, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, edits = settings_service.with_value, iter(["tensorboard_idle_minutes = 7\n"])

    def slow(text: str, key: str, value: object) -> str:
        for edit in edits:
            file.write_text(edit)
        return real(text, key, value)

    monkeypatch.setattr(settings_service, "with_value", slow)
    service.set("cpu_slots", 3)
    assert tomllib.loads(file.read_text()) == {"cpu_slots": 3, "tensorboard_idle_minutes": 7}
