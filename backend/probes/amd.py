"""AMD's GPUs as the kernel's driver (amdgpu, amdkfd) tells of them in sysfs; no library of AMD's is needed.

Sources: kernel documentation, gpu/amdgpu/driver-misc.rst and gpu/amdgpu/thermal.rst; the topology of amdkfd
(kfd_topology.c); /sys/class/kfd/kfd/proc (kfd_process.c)
"""

from collections.abc import Iterator, Mapping

from backend.domain.machine import Gpu, GpuProcess, Maker
from backend.probes.drm import Card, microwatts, millidegrees
from backend.probes.pci import name_of
from backend.probes.processes import gpu_process
from backend.probes.system_files import SystemFiles

NODES = "sys/class/kfd/kfd/topology/nodes"
PROCESSES = "sys/class/kfd/kfd/proc"
MEGAHERTZ = 1_000_000


def amd_gpu(files: SystemFiles, card: Card, index: int) -> Gpu:
    """One device. Its `uuid` is the driver's own if it has one, else its address."""
    node = _node(files, card.address)
    sensors = card.sensors(files)
    return Gpu(
        index=index,
        name=_name(files, card, node),
        uuid=files.text(f"{card.device}/unique_id") or card.address,
        memory_total_bytes=files.number(f"{card.device}/mem_info_vram_total"),
        memory_used_bytes=files.number(f"{card.device}/mem_info_vram_used"),
        busy_percent=_float(files.number(f"{card.device}/gpu_busy_percent")),
        temperature_celsius=millidegrees(files.number(f"{sensors}/temp1_input")),
        power_watts=microwatts(_first(files, f"{sensors}/power1_average", f"{sensors}/power1_input")),
        power_limit_watts=microwatts(files.number(f"{sensors}/power1_cap")),
        clock_mhz=_megahertz(files.number(f"{sensors}/freq1_input")),
        memory_clock_mhz=_megahertz(files.number(f"{sensors}/freq2_input")),
        maker=Maker.AMD,
        architecture=_architecture(node),
        driver_version=files.text("sys/module/amdgpu/version") or files.text("proc/sys/kernel/osrelease") or None,
        processes=tuple(_processes(files, node.get("gpu_id", ""))),
    )


def _node(files: SystemFiles, address: str) -> Mapping[str, str]:
    """The compute driver's words on the device at that address; empty if it has none, as for display only."""
    for folder in files.found(f"{NODES}/*"):
        told = files.fields(f"{folder}/properties")
        if _location(told) == address:
            return told | {"name": files.text(f"{folder}/name"), "gpu_id": files.text(f"{folder}/gpu_id")}
    return {}


def _location(told: Mapping[str, str]) -> str:
    """`location_id` is bus, device and function in 16 bits."""
    if not told.get("location_id", "").isdigit() or int(told.get("simd_count", "0") or 0) == 0:
        return ""
    place, domain = int(told["location_id"]), int(told.get("domain", "0"))
    return f"{domain:04x}:{place >> 8 & 0xFF:02x}:{place >> 3 & 0x1F:02x}.{place & 7}"


def _name(files: SystemFiles, card: Card, node: Mapping[str, str]) -> str:
    told = files.text(f"{card.device}/product_name") or name_of(files, card.vendor, card.number)
    return f"AMD {told or node.get('name') or f'GPU 0x{card.number:04x}'}"


def _architecture(node: Mapping[str, str]) -> str:
    """110000 is gfx1100, 90010 is gfx90a: the last two parts are one digit each, of base 16."""
    version = node.get("gfx_target_version", "")
    if not version.isdigit() or not int(version):
        return ""
    major, minor, step = int(version) // 10_000, int(version) // 100 % 100, int(version) % 100
    return f"gfx{major}{minor:x}{step:x}"


def _processes(files: SystemFiles, gpu_id: str) -> Iterator[GpuProcess]:
    for file in files.found(f"{PROCESSES}/*/vram_{gpu_id}") if gpu_id else ():
        pid = file.split("/")[-2]
        if pid.isdigit():
            yield gpu_process(files, int(pid), files.number(file))


def _first(files: SystemFiles, *paths: str) -> int | None:
    return next((number for path in paths if (number := files.number(path)) is not None), None)


def _float(number: int | None) -> float | None:
    return None if number is None else float(number)


def _megahertz(hertz: int | None) -> int | None:
    return None if hertz is None else hertz // MEGAHERTZ
