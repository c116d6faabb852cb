"""LocalMachine: processor, memory, disks and GPUs of the machine we run on."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import psutil

from backend.domain.machine import Cpu, Disk, DriverState, Gpu, GpuReading, Memory
from backend.probes import pci
from backend.probes.amd import amd_gpu
from backend.probes.apple import Sysctl, apple_gpus, sysctl
from backend.probes.drm import cards
from backend.probes.intel import intel_gpu
from backend.probes.memory import read_memory
from backend.probes.nvidia import NvidiaDriver
from backend.probes.processor import Processor
from backend.probes.system_files import SystemFiles

WORKSPACE = "workspace"
UNDRIVEN = "This machine has an NVIDIA GPU (at {addresses}), but no NVIDIA driver that runs."


class LocalMachine:
    """Reads this machine through the kernel's files, psutil and the NVIDIA driver. Safe from many threads.

    `folders` are what else of ours lies on disks, by name. `files` and `ask` are where the system is read from.
    """

    def __init__(
        self,
        workspace: Path,
        nvidia: NvidiaDriver | None = None,
        *,
        folders: Mapping[str, Path] | None = None,
        files: SystemFiles | None = None,
        ask: Sysctl = sysctl,
    ) -> None:
        self._workspace = workspace
        self._folders = {WORKSPACE: workspace, **(folders or {})}
        self._files = files or SystemFiles()
        self._nvidia = nvidia or NvidiaDriver(self._files)
        self._processor = Processor(self._files)
        self._ask = ask

    def cpu(self) -> Cpu:
        """Cores, load, and the share of time they were busy since the previous call."""
        return self._processor.read()

    def memory(self) -> Memory:
        """Main memory and swap, within the limits of control groups."""
        return read_memory(self._files)

    def disk(self) -> Disk:
        """The file system of the workspace, or of its nearest folder that exists."""
        folder = _existing(self._workspace)
        usage = psutil.disk_usage(str(folder))
        return Disk(str(folder), usage.total, usage.free, (WORKSPACE,))

    def disks(self) -> tuple[Disk, ...]:
        """Each file system once, with the names of all that lies on it; what cannot be asked is left out."""
        found: dict[int, Disk] = {}
        for name, path in self._folders.items():
            try:
                folder = _existing(path)
                device, usage = folder.stat().st_dev, psutil.disk_usage(str(folder))
            except OSError:
                continue
            known = found.get(device) or Disk(str(folder), usage.total, usage.free)
            found[device] = replace(known, names=(*known.names, name))
        return tuple(found.values())

    def gpus(self) -> GpuReading:
        """NVIDIA devices as their driver reports them; without one, whether there is something for it to do."""
        reading = self._nvidia.read()
        if reading.state is DriverState.MISSING and self._undriven:
            return replace(reading, note=UNDRIVEN.format(addresses=", ".join(self._undriven)))
        return reading

    def other_gpus(self) -> tuple[Gpu, ...]:
        """Those of AMD, Intel and Apple, each maker's numbered from 0."""
        amd = (amd_gpu(self._files, card, index) for index, card in enumerate(cards(self._files, pci.AMD)))
        intel = (intel_gpu(self._files, card, index) for index, card in enumerate(cards(self._files, pci.INTEL)))
        return (*amd, *intel, *self._apple)

    @cached_property
    def _apple(self) -> tuple[Gpu, ...]:
        return apple_gpus(self._ask)

    @cached_property
    def _undriven(self) -> tuple[str, ...]:
        return tuple(one.address for one in pci.adapters(self._files) if one.vendor == pci.NVIDIA)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
