"""Machines as their kernel, driver and torch tell of them: files below a root, a scripted NVML, torch's own words.

What reads them is the real LocalMachine; only the disks are those of the machine that runs the test.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.cuda_truth import TorchDevice, TorchSays
from backend.domain.machine import DriverState, TorchBuild
from backend.probes.machine import LocalMachine
from backend.probes.nvidia import NvidiaDriver
from backend.probes.system_files import SystemFiles
from tests.fakes.lines import Said
from tests.fakes.machine import CPU_TORCH, CUDA_TORCH
from tests.fakes.nvml import GIB, Card, ScriptedNvml

Files = dict[str, str]
AVX2 = "fpu sse2 avx avx2 fma"
AMX = f"{AVX2} avx512f avx512_bf16 amx_bf16 amx_int8 amx_tile"
NO_DRIVER = "Found no NVIDIA driver on your system."
CPU_BUILD = "Torch not compiled with CUDA enabled"


def processor(cores: int = 8, model: str = "Test CPU", flags: str = AVX2) -> Files:
    """Two threads per core, all usable; a quarter of the time since the start was busy."""
    blocks = (
        f"processor\t: {number}\nmodel name\t: {model}\nphysical id\t: 0\ncore id\t\t: {number // 2}\nflags\t\t: {flags}"
        for number in range(cores)
    )
    return {
        "proc/cpuinfo": "\n\n".join(blocks),
        "proc/stat": "cpu  200 0 50 700 50 0 0 0 0 0\n",
        "proc/loadavg": "1.50 1.00 0.50 2/300 4000\n",
        "proc/self/status": f"Name:\tpython\nCpus_allowed_list:\t0-{cores - 1}\n",
        "proc/self/cgroup": "0::/user.slice\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3600000\n",
    }


def memory(total: int, available: int, swap: int = 2 * GIB) -> Files:
    kib = {"MemTotal": total, "MemAvailable": available, "SwapTotal": swap, "SwapFree": swap // 2}
    return {"proc/meminfo": "".join(f"{name}:{size // 1024:>16} kB\n" for name, size in kib.items())}


def process(pid: int, name: str, parent: int) -> Files:
    return {f"proc/{pid}/comm": f"{name}\n", f"proc/{pid}/stat": f"{pid} ({name}) S {parent} 1 1 0 -1\n"}


def adapter(address: str, vendor: int, device: int) -> Files:
    """What the bus tells of a display adapter."""
    folder = f"sys/bus/pci/devices/{address}"
    return {f"{folder}/class": "0x030200\n", f"{folder}/vendor": f"{vendor:#x}\n", f"{folder}/device": f"{device:#x}\n"}


def write(root: Path, files: Files) -> None:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class ScriptedMachine:
    """`says` is what torch would say here. `state` and `works` are the truth: what became of looking for NVIDIA's GPUs,
    and whether torch can use them; `torch_should_be_asked`: only torch itself could tell."""

    name: str
    files: Files
    says: TorchSays
    state: DriverState = DriverState.MISSING
    nvml: Callable[[], ScriptedNvml] = lambda: ScriptedNvml(driver=None)
    torch: TorchBuild = CPU_TORCH
    works: bool = False
    gpu_names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    words: tuple[str, ...] = field(default=())  # that a person has to read on the page and in the terminal
    page_words: tuple[str, ...] = field(default=())  # on the page
    terminal_words: tuple[str, ...] = field(default=())  # in the terminal

    def build(self, folder: Path) -> LocalMachine:
        """The machine, with its files and a workspace below a folder."""
        write(folder / "machine", self.files)
        files = SystemFiles(folder / "machine")
        return LocalMachine(folder, NvidiaDriver(files, self.nvml()), files=files, ask=lambda _: "")

    def torch_program(self, _line: str) -> Iterable[Said]:
        """What the program that asks torch answers."""
        return [json.dumps({"truth": self.says.model_dump(mode="json")}), 0]


def says_cpu() -> TorchSays:
    return TorchSays(torch_version=CPU_TORCH.version, cuda=None, rocm=None, is_available=False, error=CPU_BUILD)


def says_cuda(*names: str, error: str = "", gib: int = 80, capability: tuple[int, int] = (9, 0)) -> TorchSays:
    devices = tuple(
        TorchDevice(name=name, capability=capability, memory_bytes=gib * GIB, supports_bfloat16=True) for name in names
    )
    return TorchSays(
        torch_version=CUDA_TORCH.version,
        cuda=CUDA_TORCH.cuda,
        rocm=None,
        is_available=bool(names),
        architectures=("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120") if names else (),
        devices=devices,
        computes=True if names else None,
        error=error,
    )


def _h100(number: int) -> Card:
    return Card("NVIDIA H100 80GB HBM3", f"GPU-{number:08x}", (80 * GIB, number * GIB), busy=number * 10)


PLAIN = {**processor(), **memory(16 * GIB, 12 * GIB)}
OLD = "The NVIDIA driver on your system is too old (found version 12000)."
SLICES = (
    Card("NVIDIA A100-SXM4-80GB MIG 3g.40gb", "MIG-aaaa", (40 * GIB, 10 * GIB)),
    Card("NVIDIA A100-SXM4-80GB MIG 2g.20gb", "MIG-bbbb", (20 * GIB, 0)),
)
AMD_CARD = "sys/class/drm/card0/device"
AMD_NODE = "sys/class/kfd/kfd/topology/nodes/1"
AMD_FILES = {
    f"{AMD_CARD}/vendor": "0x1002\n",
    f"{AMD_CARD}/device": "0x744c\n",
    f"{AMD_CARD}/uevent": "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n",
    f"{AMD_CARD}/mem_info_vram_total": f"{24 * GIB}\n",
    f"{AMD_CARD}/mem_info_vram_used": f"{6 * GIB}\n",
    f"{AMD_CARD}/gpu_busy_percent": "37\n",
    f"{AMD_CARD}/hwmon/hwmon3/temp1_input": "51500\n",
    f"{AMD_CARD}/hwmon/hwmon3/power1_average": "210000000\n",
    f"{AMD_CARD}/hwmon/hwmon3/power1_cap": "327000000\n",
    f"{AMD_CARD}/hwmon/hwmon3/freq1_input": "2304000000\n",
    "sys/module/amdgpu/version": "6.12.12\n",
    f"{AMD_NODE}/name": "navi31\n",
    f"{AMD_NODE}/gpu_id": "4711\n",
    f"{AMD_NODE}/properties": f"simd_count 192\nlocation_id {3 << 8}\ndomain 0\ngfx_target_version 110000\n",
    "sys/class/drm/card0-DP-1/status": "connected\n",
    **adapter("0000:03:00.0", 0x1002, 0x744C),
    "sys/class/kfd/kfd/proc/4242/vram_4711": f"{GIB}\n",
    **process(4242, "python", 4200),
}
LIMITED = {
    **processor(32, "Server CPU", AMX),
    **memory(64 * GIB, 60 * GIB, swap=0),
    "proc/self/cgroup": "0::/docker/abc\n",
    "sys/fs/cgroup/docker/abc/memory.max": f"{4 * GIB}\n",
    "sys/fs/cgroup/docker/abc/memory.current": f"{3 * GIB}\n",
    "sys/fs/cgroup/docker/abc/memory.stat": f"anon 5\ninactive_file {GIB}\n",
    "sys/fs/cgroup/docker/abc/cpu.max": "150000 100000\n",
}
H200 = Card(
    "NVIDIA H200", "GPU-aaaa", (141 * GIB, 20 * GIB), slow=0x04, computing={4242: 19 * GIB, 99: None}, ecc_errors=0
)

_ALL = (
    ScriptedMachine("no GPU", PLAIN, says_cpu(), words=("No NVIDIA driver was found", "256 bits")),
    ScriptedMachine(
        "one GPU",
        PLAIN | process(4242, "python", 4200) | process(4200, "bash", 1),
        says_cuda("NVIDIA H200", gib=141),
        DriverState.READY,
        lambda: ScriptedNvml(H200, cuda=13000),
        CUDA_TORCH,
        works=True,
        gpu_names=("NVIDIA H200",),
        words=("compute capability 9.0", "python (pid 4242, 19 GiB)", "cannot be seen", "held down by its power limit"),
    ),
    ScriptedMachine(
        "eight GPUs",
        {**processor(32, "Server CPU", AMX), **memory(1024 * GIB, 900 * GIB)},
        says_cuda(*["NVIDIA H100 80GB HBM3"] * 8),
        DriverState.READY,
        lambda: ScriptedNvml(*map(_h100, range(8)), cuda=13000),
        CUDA_TORCH,
        works=True,
        gpu_names=("NVIDIA H100 80GB HBM3",) * 8,
        words=("bfloat16 in units of its own",),
    ),
    ScriptedMachine(
        "old driver",
        PLAIN,
        says_cuda(error=OLD),
        DriverState.READY,
        lambda: ScriptedNvml(
            Card("NVIDIA GeForce RTX 3090", "GPU-cccc", (24 * GIB, GIB), capability=(8, 6), ecc_errors=None),
            driver="525.60.13",
            cuda=12000,
        ),
        CUDA_TORCH,
        gpu_names=("NVIDIA GeForce RTX 3090",),
        words=("but the NVIDIA driver is 525.60.13, which supports CUDA up to 12.0",),
        terminal_words=("Update the driver to 580.65.06", "https://download.pytorch.org/whl/cu126"),
        page_words=("torch cannot use", "Training will use CPU"),
    ),
    ScriptedMachine(
        "MIG",
        PLAIN,
        says_cuda("NVIDIA A100-SXM4-80GB MIG 3g.40gb", gib=40, capability=(8, 0)),
        DriverState.READY,
        lambda: ScriptedNvml(
            Card("NVIDIA A100-SXM4-80GB", "GPU-dddd", busy=None, capability=(8, 0), has_mig=True, slices=SLICES),
            cuda=13000,
        ),
        CUDA_TORCH,
        works=True,
        gpu_names=("NVIDIA A100-SXM4-80GB",),
        words=("MIG 3g.40gb, 10 GiB of 40 GiB in use", "MIG-bbbb"),
    ),
    ScriptedMachine(
        "AMD",
        PLAIN | AMD_FILES,
        says_cpu(),
        others=("AMD navi31",),
        words=("gfx1100", "driver 6.12.12", "python (pid 4242, 1 GiB)", "No NVIDIA driver was found"),
    ),
    ScriptedMachine(
        "driver without device",
        PLAIN,
        says_cuda(error="No CUDA GPUs are available"),
        DriverState.NO_DEVICE,
        ScriptedNvml,
        CUDA_TORCH,
        words=("it reports no GPU",),
    ),
    ScriptedMachine(
        "GPU without driver",
        PLAIN | adapter("0000:01:00.0", 0x10DE, 0x2204),
        says_cuda(error=NO_DRIVER),
        torch=CUDA_TORCH,
        words=("has an NVIDIA GPU (at 0000:01:00.0), but no NVIDIA driver",),
    ),
    ScriptedMachine(
        "CPU build beside a GPU",
        PLAIN,
        says_cpu(),
        DriverState.READY,
        lambda: ScriptedNvml(Card("NVIDIA L4", "GPU-eeee", (24 * GIB, 0), capability=(8, 9)), cuda=13000),
        gpu_names=("NVIDIA L4",),
        words=("cpu build",),
        terminal_words=("https://download.pytorch.org/whl/cu130",),
        page_words=("torch cannot use",),
    ),
    ScriptedMachine(
        "limits of a control group",
        LIMITED,
        says_cpu(),
        words=("limits memory to 4 GiB", "the machine has 64 GiB", "allows 1.5 cores", "There is no swap"),
    ),
)
MACHINES = {machine.name: machine for machine in _ALL}
