"""What the doctor tells of the machine, as lines of text: the facts of its JSON, in the words of the Machine page."""

from collections.abc import Iterator, Mapping

from backend.cli.output import printable
from backend.domain.cuda_truth import in_words
from backend.domain.gpu_owners import Owner, owner_of
from backend.domain.gpu_words import about, about_program, figures, title, warnings
from backend.domain.machine import Cpu, Disk, Gpu, HardwareSnapshot, Memory
from backend.domain.machine_words import (
    OTHER_MAKER,
    about_disk,
    about_driver,
    about_memory,
    about_processor,
    usable_cores,
)
from backend.domain.sizes import in_bytes
from backend.services.cuda_truth import Asking

NOT_ASKED = "It was not asked yet under the present circumstances: peft-studio doctor --torch asks it."
RUNNING = "It is being asked by another program, which was not done in time: ask again later."


def machine_lines(now: HardwareSnapshot, asking: Asking, known: Mapping[int, Owner]) -> Iterator[str]:
    """In groups. `known` tells by pid whose the programs on a GPU are."""
    yield from _group("Processor", _processor(now.cpu))
    yield from _group("\nMemory", _memory(now.memory))
    yield from _group("\nDisks", map(_disk, now.disks))
    yield from _group("\nGPUs", _gpus(now, known))
    yield from _group("\nWhat torch says", _torch(asking))
    yield f"\nMeasured on {now.at:%Y-%m-%d at %H:%M:%S} UTC."


def _group(name: str, lines: Iterator[str]) -> Iterator[str]:
    yield name
    yield from (f"  {printable(line)}" for line in lines)


def _processor(cpu: Cpu) -> Iterator[str]:
    yield from about_processor(cpu)
    busy = "" if cpu.busy_percent is None else f", {cpu.busy_percent:.0f} % busy"
    load = ", ".join(f"{each:.2f}" for each in cpu.load)
    yield f"{usable_cores(cpu)}{busy}; {load} runnable tasks over 1, 5 and 15 minutes"


def _memory(memory: Memory) -> Iterator[str]:
    total, available = in_bytes(memory.total_bytes), in_bytes(memory.available_bytes)
    yield f"{in_bytes(memory.used_bytes)} of {total} in use, {available} available"
    yield from about_memory(memory)


def _disk(disk: Disk) -> str:
    return f"{about_disk(disk)} {disk.path}"


def _gpus(now: HardwareSnapshot, known: Mapping[int, Owner]) -> Iterator[str]:
    yield from filter(None, (about_driver(now), now.gpu_note))
    for gpu in (*now.gpus, *now.other_gpus):
        yield from _gpu(gpu, known)
    if now.other_gpus:
        yield OTHER_MAKER


def _gpu(gpu: Gpu, known: Mapping[int, Owner]) -> Iterator[str]:
    yield f"{title(gpu)} ({gpu.uuid})"
    if told := ", ".join(f"{one.label.lower()} {one.value} {one.about}".rstrip() for one in figures(gpu)):
        yield f"  {told}"
    yield from (f"  {line}" for line in about(gpu))
    yield from (f"  warning {line}" for line in warnings(gpu))
    yield from (f"  {about_program(each, owner_of(each, known))}" for each in gpu.processes)


def _torch(asking: Asking) -> Iterator[str]:
    if asking.truth is not None:
        yield from in_words(asking.truth)
    elif asking.error is not None:
        yield f"{asking.error.what} {asking.error.why} {asking.error.fix}"
    else:
        yield RUNNING if asking.is_running else NOT_ASKED
