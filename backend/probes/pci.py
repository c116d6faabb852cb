"""Which display adapters are plugged in, whether or not a driver knows them (Linux, sysfs)."""

from collections.abc import Iterator
from dataclasses import dataclass

from backend.probes.system_files import SystemFiles

NVIDIA, AMD, INTEL = 0x10DE, 0x1002, 0x8086
DISPLAY = 0x03  # the class of display controllers, 3D controllers among them
NAMES = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")


@dataclass(frozen=True, slots=True)
class Adapter:
    """One function of a device; `address` is such as 0000:01:00.0."""

    address: str
    vendor: int
    device: int


def adapters(files: SystemFiles) -> tuple[Adapter, ...]:
    """All display adapters by address."""
    return tuple(_adapters(files))


def _adapters(files: SystemFiles) -> Iterator[Adapter]:
    for folder in files.found("sys/bus/pci/devices/*"):
        kind, vendor, device = (files.number(f"{folder}/{name}") for name in ("class", "vendor", "device"))
        if kind is not None and kind >> 16 == DISPLAY and vendor is not None and device is not None:
            yield Adapter(folder.rpartition("/")[2], vendor, device)


def name_of(files: SystemFiles, vendor: int, device: int) -> str:
    """By the list of known devices that most Linux systems have; "" if it is not there or does not know it.

    Source of the format: https://pci-ids.ucw.cz (vendors at the margin, their devices behind one tab).
    """
    text = next(filter(None, map(files.text, NAMES)), "")
    _, _, devices = f"\n{text}".partition(f"\n{vendor:04x}  ")
    for line in devices.split("\n")[1:]:
        if line.startswith(f"\t{device:04x}  "):
            return line[7:].strip()
        if line and not line.startswith(("\t", "#")):
            break
    return ""
