"""This machine, read without starting or importing anything; the kernel's files of others lie below a root."""

import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from backend.domain.cpu_features import NO_BFLOAT16, NO_VECTORS, in_words
from backend.domain.machine import Gpu, Maker, Memory
from backend.probes.apple import apple_gpus, sysctl
from backend.probes.machine import LocalMachine
from backend.probes.nvidia import NvidiaDriver
from backend.probes.packages import InstalledPackages, _string_constants
from backend.probes.processor import Processor
from backend.probes.system_files import SystemFiles
from tests.fakes.machines import AMD_FILES, AMX, AVX2, adapter, memory, processor, write
from tests.fakes.nvml import GIB, ScriptedNvml


class Times(SimpleNamespace):
    def _asdict(self) -> dict[str, float]:
        return dict(vars(self))


def machine(root: Path, **files: dict[str, str]) -> LocalMachine:
    for some in files.values():
        write(root, some)
    return LocalMachine(
        root, NvidiaDriver(library=ScriptedNvml(driver=None)), files=SystemFiles(root), ask=lambda _: ""
    )


def test_load_is_the_busy_share_since_the_previous_reading_of_any_thread(tmp_path: Path) -> None:
    write(tmp_path, processor())
    local = Processor(SystemFiles(tmp_path))
    first = threading.Thread(target=local.read)
    first.start()
    first.join()
    (tmp_path / "proc" / "stat").write_text("cpu  230 0 50 760 60 0 0 0 30 0\n")
    assert local.read().busy_percent == pytest.approx(30.0)
    assert local.read().busy_percent is None


def test_where_the_kernel_has_no_files_psutil_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    readings = [
        Times(user=10.0, guest=10.0, system=10.0, idle=80.0, iowait=0.0),
        Times(user=40.0, guest=40.0, system=10.0, idle=140.0, iowait=10.0),
    ]
    monkeypatch.setattr(psutil, "cpu_times", lambda: readings.pop(0))
    local = Processor(SystemFiles(tmp_path))
    assert local.read().logical_cores == psutil.cpu_count()
    assert local.read().busy_percent == pytest.approx(30.0)
    assert local.model
    found = machine(tmp_path).memory()
    assert found.total_bytes == psutil.virtual_memory().total


def test_cores_are_counted_and_those_that_we_may_use(tmp_path: Path) -> None:
    write(tmp_path, processor(16, "Fast CPU @ 3 GHz: v2"))
    (tmp_path / "proc" / "self" / "status").write_text("Cpus_allowed_list:\t0-2,8,10-11\n")
    cpu = Processor(SystemFiles(tmp_path)).read()
    assert (cpu.model, cpu.logical_cores, cpu.physical_cores, cpu.usable_cores) == ("Fast CPU @ 3 GHz: v2", 16, 8, 6)
    assert (cpu.frequency_mhz, cpu.max_frequency_mhz, cpu.load) == (2400.0, 3600.0, (1.5, 1.0, 0.5))
    (tmp_path / "proc" / "self" / "status").write_text("Cpus_allowed_list:\tmany\n")
    assert Processor(SystemFiles(tmp_path)).read().usable_cores == 16


def test_features_are_told_by_what_they_mean_for_training(tmp_path: Path) -> None:
    write(tmp_path, processor(flags=AVX2))
    cpu = Processor(SystemFiles(tmp_path)).read()
    assert in_words(cpu) == ("It computes 256 bits at once (AVX2).", NO_BFLOAT16)
    write(tmp_path, processor(flags=AMX))
    told = in_words(Processor(SystemFiles(tmp_path)).read())
    assert [word for word in ("AVX-512", "AMX", "saves memory and time") if word in " ".join(told)] == [
        "AVX-512",
        "AMX",
        "saves memory and time",
    ]
    write(tmp_path, processor(flags="sse2"))
    assert in_words(Processor(SystemFiles(tmp_path)).read())[0] == NO_VECTORS
    (tmp_path / "proc" / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert "NEON" in in_words(Processor(SystemFiles(tmp_path)).read())[0]
    (tmp_path / "proc" / "cpuinfo").unlink()
    assert in_words(Processor(SystemFiles(tmp_path)).read()) == ()


CGROUP_1 = {
    "proc/self/cgroup": "9:name=systemd:/\n4:memory:/jobs/a\n1:cpu,cpuacct:/host/path\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{9 * GIB}\n",
    "sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": f"{8 * GIB}\n",
    "sys/fs/cgroup/memory/jobs/memory.usage_in_bytes": f"{6 * GIB}\n",
    "sys/fs/cgroup/memory/jobs/memory.stat": f"inactive_file 1\ntotal_inactive_file {2 * GIB}\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
}


def test_limits_of_control_groups_of_version_1_are_kept_to(tmp_path: Path) -> None:
    local = machine(tmp_path, a=processor(), b=memory(16 * GIB, 12 * GIB), c=CGROUP_1)
    assert local.memory() == Memory(8 * GIB, 4 * GIB, 2 * GIB, GIB, limit_bytes=8 * GIB, machine_bytes=16 * GIB)
    assert local.cpu().limit_cores == 2.5
    (tmp_path / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us").write_text("-1\n")
    assert local.cpu().limit_cores is None


def test_the_tightest_of_nested_limits_counts_and_one_above_the_machine_does_not(tmp_path: Path) -> None:
    groups = {
        "proc/self/cgroup": "0::/a/b/../b/c\n",
        "sys/fs/cgroup/a/memory.max": f"{3 * GIB}\n",
        "sys/fs/cgroup/a/memory.current": f"{GIB}\n",
        "sys/fs/cgroup/a/b/memory.max": f"{5 * GIB}\n",
        "sys/fs/cgroup/a/b/memory.current": f"{GIB}\n",
        "sys/fs/cgroup/a/cpu.max": "max 100000\n",
    }
    local = machine(tmp_path, a=processor(), b=memory(16 * GIB, 12 * GIB, 0), c=groups)
    assert local.memory() == Memory(3 * GIB, 2 * GIB, 0, 0, limit_bytes=3 * GIB, machine_bytes=16 * GIB)
    assert local.cpu().limit_cores is None
    (tmp_path / "sys/fs/cgroup/a/memory.max").write_text(f"{64 * GIB}\n")
    (tmp_path / "sys/fs/cgroup/a/b/memory.max").write_text("max\n")
    assert local.memory() == Memory(16 * GIB, 12 * GIB, 0, 0)


def test_an_amd_gpu_is_told_by_the_kernel_alone(tmp_path: Path) -> None:
    (gpu,) = machine(tmp_path, a=AMD_FILES).other_gpus()
    assert (gpu.maker, gpu.name, gpu.architecture, gpu.driver_version) == (
        Maker.AMD,
        "AMD navi31",
        "gfx1100",
        "6.12.12",
    )
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes, gpu.busy_percent) == (24 * GIB, 6 * GIB, 37.0)
    assert (gpu.temperature_celsius, gpu.power_watts, gpu.power_limit_watts, gpu.clock_mhz) == (52, 210.0, 327.0, 2304)
    assert [(one.pid, one.memory_bytes, one.ancestors) for one in gpu.processes] == [(4242, GIB, (4200,))]


def test_names_come_from_the_list_of_known_devices_where_it_is_there(tmp_path: Path) -> None:
    known = (
        "# comment\n1001  Other\n\t744c  Wrong\n1002  AMD\n\t7448  No\n\t744c  Navi 31\n\t\t1 2  Board\n1003  Next\n"
    )
    local = machine(tmp_path, a=AMD_FILES, b={"usr/share/misc/pci.ids": known})
    assert [gpu.name for gpu in local.other_gpus()] == ["AMD Navi 31"]
    (tmp_path / "usr/share/misc/pci.ids").write_text(known.replace("\t744c  Navi 31\n", ""))
    assert [gpu.name for gpu in local.other_gpus()] == ["AMD navi31"]


def test_intels_gpus_tell_little(tmp_path: Path) -> None:
    def card(number: int, device: int, **files: str) -> dict[str, str]:
        folder = f"sys/class/drm/card{number}"
        told = {"device/vendor": "0x8086", "device/device": hex(device), "device/uevent": "DRIVER=xe"}
        return {f"{folder}/{name}": text for name, text in (told | files).items()}

    local = machine(tmp_path, a=card(0, 0xE20B, **{"device/tile0/physical_vram_size_bytes": hex(12 * GIB)}))
    (arc,) = local.other_gpus()
    assert (arc.name, arc.memory_total_bytes, arc.driver_version, arc.memory_is_shared) == (
        "Intel Arc B580",
        12 * GIB,
        "xe",
        False,
    )
    write(tmp_path, card(1, 0x46A6, gt_max_freq_mhz="1400", gt_act_freq_mhz="300"))
    built_in = local.other_gpus()[1]
    assert (built_in.index, built_in.name, built_in.memory_is_shared) == (1, "Intel GPU 0x46a6", True)
    assert (built_in.clock_mhz, built_in.max_clock_mhz) == (300, 1400)


def test_apples_gpu_shares_the_main_memory() -> None:
    told = {"machdep.cpu.brand_string": "Apple M4 Max", "hw.memsize": str(64 * GIB)}
    assert apple_gpus(told.__getitem__) == (
        Gpu(0, "Apple M4 Max GPU", "apple-0", 64 * GIB, maker=Maker.APPLE, memory_is_shared=True),
    )
    assert apple_gpus(lambda _: "Intel(R) Core(TM) i9") == ()
    assert sysctl("hw.memsize").isdigit() or sysctl("hw.memsize") == ""


def test_an_nvidia_gpu_without_a_driver_is_seen_on_the_bus(tmp_path: Path) -> None:
    display, network = adapter("0000:01:00.0", 0x10DE, 0x2204), adapter("0000:02:00.0", 0x10DE, 0x1)
    network["sys/bus/pci/devices/0000:02:00.0/class"] = "0x020000\n"
    reading = machine(tmp_path, a=display, b=network).gpus()
    assert "at 0000:01:00.0" in reading.note
    assert "0000:02" not in reading.note
    assert reading.is_certain


def test_what_lies_on_one_disk_is_told_together(tmp_path: Path) -> None:
    folders = {"models": tmp_path / "models", "kernel": Path("/proc"), "hub cache": tmp_path / "not" / "yet"}
    disks = LocalMachine(tmp_path, folders=folders).disks()
    assert disks[0].names == ("workspace", "models", "hub cache")
    assert [disk.names for disk in disks[1:]] == [("kernel",)]


def test_constants_are_read_without_running_the_file(tmp_path: Path) -> None:
    file = tmp_path / "version.py"
    file.write_text(
        "from typing import Optional\n__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n"
        "hip: Optional[str] = None\ndebug = False\na.b = 'x'\nraise SystemExit\n",
        encoding="utf-8",
    )
    assert _string_constants(file) == {"__version__": "2.13.0+cu130", "cuda": "13.0"}


def test_an_unreadable_version_file_is_no_error(tmp_path: Path) -> None:
    broken = tmp_path / "version.py"
    broken.write_text("cuda = (", encoding="utf-8")
    assert _string_constants(broken) is None
    assert _string_constants(tmp_path / "absent.py") is None


def test_without_metadata_nothing_is_known_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.probes.packages.STUDIO", "surely-not-installed-anywhere")
    packages = InstalledPackages()
    assert packages.requirements() is None
    assert packages.requires_python() == ""
