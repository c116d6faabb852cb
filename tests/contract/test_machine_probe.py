"""The fake machine and environment behave like the real ones."""

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from backend.domain.machine import DriverState, MachineProbe, Maker, PackageLookup
from backend.probes.machine import LocalMachine
from backend.probes.packages import InstalledPackages
from tests.fakes.machine import FakeMachine, FakePackages
from tests.fakes.machines import MACHINES


@pytest.fixture(params=["fake", "real", *MACHINES], ids=str)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> MachineProbe:
    if request.param in MACHINES:
        return MACHINES[request.param].build(tmp_path)
    return FakeMachine() if request.param == "fake" else LocalMachine(tmp_path / "not" / "yet")


@pytest.fixture(params=["fake", "real"])
def packages(request: pytest.FixtureRequest) -> PackageLookup:
    if request.param == "real":
        return InstalledPackages()
    return FakePackages(installed={"torch": "2.13.0+cpu"}, needed=["torch>=2.13"])


def test_the_processor_has_cores_a_name_and_load(machine: MachineProbe) -> None:
    cpu = machine.cpu()
    assert cpu.model
    assert 1 <= cpu.usable_cores <= cpu.logical_cores
    assert len(cpu.load) == 3
    assert all(load >= 0 for load in cpu.load)


def test_the_first_reading_knows_no_load_percentage_and_invents_none(machine: MachineProbe) -> None:
    assert machine.cpu().busy_percent is None


def test_percentages_are_percentages(machine: MachineProbe) -> None:
    machine.cpu()
    busy = machine.cpu().busy_percent
    assert busy is None or 0 <= busy <= 100


def test_available_memory_is_part_of_the_whole(machine: MachineProbe) -> None:
    memory = machine.memory()
    assert 0 < memory.available_bytes <= memory.total_bytes
    assert 0 <= memory.swap_used_bytes <= memory.swap_total_bytes


def test_the_disk_of_a_workspace_that_does_not_exist_yet_is_known(machine: MachineProbe) -> None:
    disk = machine.disk()
    assert disk.path
    assert 0 <= disk.free_bytes <= disk.total_bytes


def test_gpus_come_with_a_driver_or_with_a_note(machine: MachineProbe) -> None:
    reading = machine.gpus()
    assert reading.driver_version or reading.note
    assert bool(reading.gpus) or reading.note


def test_a_state_says_what_the_reading_says(machine: MachineProbe) -> None:
    reading = machine.gpus()
    assert (reading.state is DriverState.READY) == bool(reading.gpus)
    assert (reading.state is DriverState.MISSING) == (not reading.gpus and not reading.driver_version)


def test_every_gpu_has_a_name_of_its_own_and_uses_no_more_than_it_has(machine: MachineProbe) -> None:
    gpus = (*machine.gpus().gpus, *machine.other_gpus())
    assert len({gpu.uuid for gpu in gpus}) == len(gpus)
    assert all(gpu.maker is Maker.NVIDIA for gpu in machine.gpus().gpus)
    assert all(gpu.maker is not Maker.NVIDIA for gpu in machine.other_gpus())
    for gpu in gpus:
        assert gpu.name
        assert gpu.memory_used_bytes is None or 0 <= gpu.memory_used_bytes <= (gpu.memory_total_bytes or 0)


def test_a_limit_is_below_what_the_machine_has(machine: MachineProbe) -> None:
    memory = machine.memory()
    assert (memory.limit_bytes is None) == (memory.machine_bytes is None)
    if memory.limit_bytes is not None and memory.machine_bytes is not None:
        assert memory.limit_bytes == memory.total_bytes < memory.machine_bytes
    assert (machine.cpu().limit_cores or 1) > 0


def test_each_disk_is_told_once_that_of_the_workspace_first(machine: MachineProbe) -> None:
    disks = machine.disks()
    assert disks[0].names[0] == "workspace"
    assert disks[0].path == machine.disk().path
    names = [name for disk in disks for name in disk.names]
    assert len(set(names)) == len(names)
    assert all(0 <= disk.free_bytes <= disk.total_bytes for disk in disks)


def test_the_interpreter_is_named(packages: PackageLookup) -> None:
    python = packages.python()
    assert Version(python.version) >= Version("3.11")
    assert Path(python.path).is_absolute()


def test_the_requirements_are_readable_and_installed(packages: PackageLookup) -> None:
    lines = packages.requirements()
    assert lines
    needed = [Requirement(line) for line in lines]
    applying = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]  # as on the page
    assert len(applying) > len(needed) / 2
    assert all(packages.version(one.name) for one in applying)
    assert packages.requires_python()


def test_an_unknown_package_has_no_version(packages: PackageLookup) -> None:
    assert packages.version("surely-not-installed-anywhere") is None
    assert packages.version("nonsense/../name") is None


def test_the_torch_build_is_read_without_importing_torch(packages: PackageLookup) -> None:
    build = packages.torch_build()
    assert build is not None
    assert build.version.split("+")[0] == str(packages.version("torch")).split("+")[0]
    assert build.variant


@pytest.mark.skipif(sys.platform != "linux", reason="compares with the kernel's own numbers")
def test_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    total_kib = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    assert LocalMachine(tmp_path).memory().total_bytes == total_kib * 1024
