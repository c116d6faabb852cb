"""Intel's GPUs as the kernel's drivers (i915, xe) tell of them in sysfs, which is little.

Sources: kernel documentation, gpu/i915.rst and gpu/xe; Documentation/ABI/testing/sysfs-driver-intel-{i915,xe}-hwmon
"""

from backend.domain.machine import Gpu, Maker
from backend.probes.drm import Card, microwatts, millidegrees
from backend.probes.pci import name_of
from backend.probes.system_files import SystemFiles

# Of https://dgpu-docs.intel.com/devices/hardware-table.html: those that people train with.
KNOWN = {
    0x0BD5: "Data Center GPU Max 1550",
    0x0BDA: "Data Center GPU Max 1100",
    0x56A0: "Arc A770",
    0x56A1: "Arc A750",
    0x56C0: "Data Center GPU Flex 170",
    0xE20B: "Arc B580",
    0xE20C: "Arc B570",
}


def intel_gpu(files: SystemFiles, card: Card, index: int) -> Gpu:
    """One device; those without memory of their own, in processors, among them."""
    sensors, folder = card.sensors(files), card.folder
    own = _first(files, f"{folder}/lmem_total_bytes", f"{card.device}/tile0/physical_vram_size_bytes")
    name = name_of(files, card.vendor, card.number) or KNOWN.get(card.number) or f"GPU 0x{card.number:04x}"
    return Gpu(
        index=index,
        name=f"Intel {name}",
        uuid=card.address,
        memory_total_bytes=own,
        temperature_celsius=millidegrees(files.number(f"{sensors}/temp1_input")),
        power_limit_watts=microwatts(files.number(f"{sensors}/power1_max")),
        clock_mhz=_first(files, f"{folder}/gt_act_freq_mhz", f"{card.device}/tile0/gt0/freq0/act_freq"),
        max_clock_mhz=_first(files, f"{folder}/gt_max_freq_mhz", f"{card.device}/tile0/gt0/freq0/max_freq"),
        maker=Maker.INTEL,
        driver_version=card.driver or None,
        memory_is_shared=own is None and card.number not in KNOWN,
    )


def _first(files: SystemFiles, *paths: str) -> int | None:
    return next((number for path in paths if (number := files.number(path)) is not None), None)
