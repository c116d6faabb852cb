"""Which levers are pulled on this machine, with this model and these rows, and why: a pure decision."""

from dataclasses import dataclass
from typing import Literal

from backend.domain.speed import Speed
from backend.trainer.errors import SpeedUnsuitable

SHARED = "processes share the weights of each layer, which only the library puts together"
CPU_TOKENS = 1024  # larger micro-batches are not faster on a CPU, only larger; docs/explanation/speed.md


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision depends on; everything is the same again when a run is resumed.

    `own_forward` says why the adapter needs its own forward, `no_flat` and `no_learned` why the model does not do
    these (see engine.probe); empty means that nothing speaks against it. `is_shared_out` says that processes
    share the weights of each layer. Lengths are in tokens.
    """

    device: str
    rows_per_micro_batch: int
    longest: int
    mean: float
    own_forward: str = ""
    no_flat: str = ""
    no_learned: str = ""
    lora_layers: int = 0
    has_liger: bool = False
    is_shared_out: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The levers as they are. `reasons` has one line for each.

    `rows_at_once` is the size of each micro-batch where all processes must take equally many; else it is 0 and
    `budget` (tokens) decides.
    """

    is_flat: bool
    is_learned: bool
    is_lean: bool
    is_liger: bool
    budget: int
    order: Literal["shuffled", "grouped"]
    reasons: tuple[str, ...]
    rows_at_once: int = 0


def settle(speed: Speed, facts: Facts) -> Chosen:
    """Choose. Raises SpeedUnsuitable if something was asked for by name that cannot be had."""
    is_flat, flat = _flat(speed, facts)
    is_learned, learned = _learned(speed, facts)
    is_lean, lean = _lean(speed, facts)
    is_liger, liger = _liger(speed, facts)
    budget, tokens = _budget(speed, facts)
    order: Literal["shuffled", "grouped"] = "grouped" if speed.order == "grouped" else "shuffled"
    why = "as asked" if speed.order != "auto" else "steps are the same however rows are batched"
    ordered = f"order {order}: {why}"
    reasons = (flat, tokens, ordered, learned, lean, liger)
    rows_at_once = facts.rows_per_micro_batch if facts.is_shared_out else 0
    return Chosen(is_flat, is_learned, is_lean, is_liger, budget, order, reasons, rows_at_once)


def _flat(speed: Speed, facts: Facts) -> tuple[bool, str]:
    obstacle = _shared(facts) or facts.own_forward or facts.no_flat
    if speed.batches == "padded":
        return False, "batches padded: as asked"
    if obstacle and speed.batches == "flat":
        raise SpeedUnsuitable(setting="speed.batches", value="flat", why=obstacle)
    if obstacle:
        return False, f"batches padded: {obstacle}"
    saved = 1 - facts.mean / facts.longest
    return True, f"batches flat: no padding (the longest row is {facts.longest} tokens, the mean {saved:.0%} shorter)"


def _learned(speed: Speed, facts: Facts) -> tuple[bool, str]:
    obstacle = _shared(facts) or facts.own_forward or facts.no_learned
    if speed.logits == "all":
        return False, "logits all: as asked"
    if obstacle and speed.logits == "learned":
        raise SpeedUnsuitable(setting="speed.logits", value="learned", why=obstacle)
    if obstacle:
        return False, f"logits all: {obstacle}"
    return True, "logits learned: scores of tokens that do not count in the loss are never computed"


def _shared(facts: Facts) -> str:
    return SHARED if facts.is_shared_out else ""


def _lean(speed: Speed, facts: Facts) -> tuple[bool, str]:
    if speed.layers == "library":
        return False, "layers library: as asked"
    if facts.is_shared_out:
        return False, f"layers library: {SHARED}"
    if not facts.lora_layers:
        return False, "layers library: the method has no plain LoRA layers"
    return True, f"layers lean: {facts.lora_layers} LoRA layers keep their input once and copy nothing"


def _liger(speed: Speed, facts: Facts) -> tuple[bool, str]:
    obstacle = "it is not installed" if not facts.has_liger else "it needs a CUDA GPU" if facts.device != "cuda" else ""
    if obstacle and speed.liger == "on":
        raise SpeedUnsuitable(setting="speed.liger", value="on", why=f"{obstacle[0].upper()}{obstacle[1:]}.")
    if speed.liger == "off":
        return False, "liger off: as asked"
    return (False, f"liger off: {obstacle}") if obstacle else (True, "liger on: fused norms and rotations on the GPU")


def _budget(speed: Speed, facts: Facts) -> tuple[int, str]:
    if facts.is_shared_out:
        rows = facts.rows_per_micro_batch
        return rows * facts.longest, f"micro-batches of {rows} rows: all processes must take equally many"
    if speed.micro_batch_tokens is not None:
        return speed.micro_batch_tokens, f"micro-batches of up to {speed.micro_batch_tokens} tokens: as asked"
    room = facts.rows_per_micro_batch * facts.longest
    if facts.device == "cpu" and room > CPU_TOKENS:
        return CPU_TOKENS, f"micro-batches of up to {CPU_TOKENS} tokens: larger ones are no faster on a CPU"
    rows = facts.rows_per_micro_batch
    return room, f"micro-batches of up to {room} tokens: room for {rows} of the longest rows"
