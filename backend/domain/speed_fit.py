"""Which levers of speed the processes of a run allow."""

from backend.domain.devices import Devices
from backend.domain.speed import Speed


def shares_weights_out(devices: Devices) -> bool:
    """Whether no process holds a whole layer, except while the library calls it."""
    return devices.processes > 1 and devices.strategy != "ddp"


def sharing_problem(speed: Speed, devices: Devices) -> str | None:
    """Why a lever that was asked for by name cannot be pulled where weights are shared out, or None.

    Ours read a layer's weights beside its own forward, and give each process as many micro-batches as its rows
    need; shared weights are put together for all processes at once, in the library's forward only.
    """
    levers = {"batches": "flat", "logits": "learned", "layers": "lean"}
    asked = [f"speed.{name}: {value}" for name, value in levers.items() if getattr(speed, name) == value]
    if speed.micro_batch_tokens is not None:
        asked.append("speed.micro_batch_tokens")
    if not asked or not shares_weights_out(devices):
        return None
    return f"devices.strategy {devices.strategy} shares weights out among processes: leave out {', '.join(asked)}"
