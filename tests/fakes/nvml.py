"""libnvidia-ml as pynvml shows it, scripted: cards that a test describes, and errors where it wants them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml

GIB = 2**30


@dataclass
class Card:
    """One device; what is None it does not report."""

    name: str = "NVIDIA H200"
    uuid: str = "GPU-0"
    memory: tuple[int, int] | None = (80, 20)  # total, used
    busy: int | None = 55
    celsius: int | None = 40
    milliwatts: int | None = 123_400
    limit_milliwatts: int | None = 700_000
    millijoules: int | None = 5_600
    capability: tuple[int, int] | None = (9, 0)
    mhz: tuple[int, int, int] | None = (1_500, 1_980, 3_201)  # now, most, memory
    slow: int | None = 0
    ecc_errors: int | None = 0
    has_mig: bool | None = None
    slices: Sequence["Card"] = ()
    computing: dict[int, int | None] = field(default_factory=dict)  # bytes by pid
    drawing: dict[int, int | None] = field(default_factory=dict)


def reported(value: Any) -> Any:
    if value is None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    return value


def _busy(card: Card) -> SimpleNamespace:
    return SimpleNamespace(gpu=reported(card.busy), memory=10)


def _memory(card: Card) -> SimpleNamespace:
    total, used = reported(card.memory)
    return SimpleNamespace(total=total, used=used, free=total - used)


def _programs(found: dict[int, int | None]) -> list[SimpleNamespace]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in found.items()]


def _slice(card: Card, number: int) -> Card:
    if number >= len(card.slices):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
    return card.slices[number]


ABOUT_CARDS: dict[str, Callable[..., Any]] = {
    "nvmlDeviceGetName": lambda card: card.name,
    "nvmlDeviceGetUUID": lambda card: card.uuid,
    "nvmlDeviceGetMemoryInfo": _memory,
    "nvmlDeviceGetUtilizationRates": _busy,
    "nvmlDeviceGetPowerUsage": lambda card: reported(card.milliwatts),
    "nvmlDeviceGetEnforcedPowerLimit": lambda card: reported(card.limit_milliwatts),
    "nvmlDeviceGetTotalEnergyConsumption": lambda card: reported(card.millijoules),
    "nvmlDeviceGetTemperatureV": lambda card, _sensor: reported(card.celsius),
    "nvmlDeviceGetCudaComputeCapability": lambda card: reported(card.capability),
    "nvmlDeviceGetClockInfo": lambda card, clock: reported(card.mhz)[0 if clock == pynvml.NVML_CLOCK_SM else 2],
    "nvmlDeviceGetMaxClockInfo": lambda card, _clock: reported(card.mhz)[1],
    "nvmlDeviceGetCurrentClocksEventReasons": lambda card: reported(card.slow),
    "nvmlDeviceGetTotalEccErrors": lambda card, _kind, _counter: reported(card.ecc_errors),
    "nvmlDeviceGetMigMode": lambda card: [int(reported(card.has_mig))] * 2,
    "nvmlDeviceGetMaxMigDeviceCount": lambda card: 7,
    "nvmlDeviceGetMigDeviceHandleByIndex": _slice,
    "nvmlDeviceGetGraphicsRunningProcesses": lambda card: _programs(card.drawing),
    "nvmlDeviceGetComputeRunningProcesses": lambda card: _programs(card.computing),
}


class ScriptedNvml(ModuleType):
    """`calls` are the functions that were asked; `failures` maps a function to the error that it raises."""

    def __init__(self, *cards: Card, driver: str | None = "580.65.06", cuda: int = 12080) -> None:
        """Without a `driver` there is none."""
        super().__init__("pynvml")
        self.cards = list(cards)
        self.calls: list[str] = []
        self.failures: dict[str, Exception] = {}
        if driver is None:
            self.failures["nvmlInit"] = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
        self._answers: dict[str, Callable[..., Any]] = ABOUT_CARDS | {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlSystemGetDriverVersion": lambda: driver,
            "nvmlSystemGetCudaDriverVersion_v2": lambda: cuda,
            "nvmlDeviceGetCount": lambda: len(self.cards),
            "nvmlDeviceGetHandleByIndex": lambda index: self.cards[index],
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("nvml"):
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if name in self.failures:
                raise self.failures[name]
            return self._answers[name](*arguments)

        return call
