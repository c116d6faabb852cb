"""Graphics cards that a kernel driver serves (Linux, /sys/class/drm)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.probes.system_files import SystemFiles

CARD = re.compile(r"card\d+")


@dataclass(frozen=True, slots=True)
class Card:
    """One card: its folder, the numbers of its vendor and model, its address on the bus, its driver's name."""

    folder: str
    vendor: int
    number: int
    address: str
    driver: str

    @property
    def device(self) -> str:
        """The folder of the device itself."""
        return f"{self.folder}/device"

    def sensors(self, files: SystemFiles) -> str:
        """The folder of its sensors; one that does not exist if it has none."""
        return next(iter(files.found(f"{self.device}/hwmon/hwmon*")), f"{self.device}/hwmon/none")


def cards(files: SystemFiles, vendor: int) -> Iterator[Card]:
    """The cards of one vendor; what follows "card0-" are their connectors."""
    for folder in files.found("sys/class/drm/card*"):
        number = files.number(f"{folder}/device/device")
        if CARD.fullmatch(folder.rpartition("/")[2]) and files.number(f"{folder}/device/vendor") == vendor:
            told = dict(line.partition("=")[::2] for line in files.text(f"{folder}/device/uevent").splitlines())
            address = told.get("PCI_SLOT_NAME", folder.rpartition("/")[2])
            yield Card(folder, vendor, number or 0, address, told.get("DRIVER", ""))


def microwatts(number: int | None) -> float | None:
    """In watts."""
    return None if number is None else number / 1e6


def millidegrees(number: int | None) -> int | None:
    """In degrees Celsius."""
    return None if number is None else round(number / 1000)
