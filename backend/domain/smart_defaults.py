"""Settings that suit a model, its rows, the machine and the method, each with the numbers that led to it. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.data_report import Lengths
from backend.domain.fit_levers import rows_cut
from backend.domain.machine import Gpu
from backend.domain.memory_levers import Changes, is_valid
from backend.domain.run_config import RunConfig
from backend.domain.sweep import written
from backend.methods import LoraFamily, WholeMethod
from config.catalog import Profile
from config.defaults import Defaults, rung

LARGE_PARAMETERS = 13_000_000_000
RSLORA_SCALE = 4.0  # alpha / sqrt(rank), as the use case "a field of knowledge" has it
MOST_PADDING = 0.4  # of a rectangular batch


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the order; None where it is not.

    `memory_bytes` is all memory of the device that trains; `profile` the use case that the order was filled from.
    """

    num_rows: int | None = None
    lengths: Lengths | None = None
    num_parameters: int | None = None
    context_length: int | None = None
    gpu: Gpu | None = None
    memory_bytes: int | None = None
    has_bitsandbytes: bool = True
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Settings that go together, what they are now, and one line of why. `is_change`: some are otherwise now."""

    changes: Changes
    now: dict[str, JsonValue]
    reason: str

    @property
    def is_change(self) -> bool:
        """Whether applying it changes anything."""
        return self.changes != self.now


Found = tuple[Changes, str]
Rule = Callable[[RunConfig, Known, Defaults], Found | None]


def suggest(config: RunConfig, known: Known, table: Defaults) -> tuple[Suggestion, ...]:
    """One suggestion for each rule that has something to say; all of them together make a valid order."""
    return tuple(_suggestions(config, known, table))


def _suggestions(config: RunConfig, known: Known, table: Defaults) -> Iterator[Suggestion]:
    order = config
    for rule in RULES:
        found = rule(order, known, table)
        if found is None or not is_valid(order, found[0]):
            continue
        changes, reason = found
        if is_valid(config, changes):  # each may be applied alone, too
            order = adjusted(order, (Adjustment(attempt=1, reason=reason, changes=changes),))
            yield Suggestion(changes, {key: _at(config, key) for key in changes}, reason)


def _quantization(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    size, memory = known.num_parameters, known.memory_bytes
    if size is None or memory is None or config.quantization.name != "none":
        return None
    format_, bytes_each = ("bfloat16", 2) if known.gpu is not None else ("float32", 4)
    needed = size * bytes_each
    told = f"{_count(size)} parameters in {format_} take {_gb(needed)} of {_gb(memory)}"
    if needed <= table.quantize_above * memory:
        return {"quantization": {"name": "none"}}, f"{told}: no need to make them less exact."
    if "nf4" not in config.method.card.quantizations or not known.has_bitsandbytes:
        return None
    return {"quantization": {"name": "nf4"}}, f"{told}, which leaves too little for training: 4 bits take a quarter."


def _rank(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    method = config.method
    if not isinstance(method, LoraFamily) or method.rank_pattern or method.alpha_pattern:
        return None
    own = _of_profile(known, "method.rank")
    if own is None and known.num_rows is None:
        return None
    found = rung(table.ranks, known.num_rows or 0)
    rank = own[0] if own else int(found.value)
    if not isinstance(rank, int):
        return None
    alpha = RSLORA_SCALE * rank**0.5 if method.is_rank_stabilized else 2.0 * rank
    told = (
        "with rsLoRA alpha / sqrt(rank) stays 4"
        if method.is_rank_stabilized
        else "alpha is twice the rank, the usual scale"
    )
    reason = own[1] if own else _filled(found.reason, known)
    return {"method.rank": rank, "method.alpha": round(alpha, 4)}, f"{reason} {told[0].upper()}{told[1:]}."


def _learning_rate(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    rate = table.rates.get(config.method.name)
    if rate is None:
        return None
    is_large = rate.large_value is not None and (known.num_parameters or 0) > LARGE_PARAMETERS
    value, reason = (rate.large_value, rate.large_reason) if is_large else (rate.value, rate.reason)
    own = _of_profile(known, "training.learning_rate")
    is_for_it = known.profile is not None and known.profile.values.get("method.name") == config.method.name
    if own and is_for_it and isinstance(own[0], float):
        value, reason = own[0], own[1]
    factor = next((table.factors[name] for name in config.recipe.lineage() if name in table.factors), None)
    assert value is not None
    if factor is None:
        return {"training.learning_rate": value}, reason
    return {"training.learning_rate": float(f"{value * factor.factor:.6g}")}, f"{reason} {factor.reason}"


def _epochs(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    if config.training.max_steps is not None:
        return None
    own = _of_profile(known, "training.epochs")
    if own and isinstance(own[0], int | float):
        return {"training.epochs": float(own[0])}, own[1]
    if known.num_rows is None:
        return None
    found = rung(table.epochs, known.num_rows)
    return {"training.epochs": float(found.value)}, _filled(found.reason, known)


def _max_length(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    lengths = known.lengths
    if lengths is None or config.recipe.name == "pretrain":
        return None
    wanted = lengths.percentiles["99"]
    length = next((one for one in table.max_lengths if one >= wanted), table.max_lengths[-1])
    limit = ""
    if known.context_length is not None and length > known.context_length:
        length, limit = known.context_length, f" The model reads at most {known.context_length:,}."
    cut, rows = rows_cut(lengths, length), lengths.num_rows
    lost = "none of them is cut" if not cut else f"at most {cut:,} of them are cut"
    longest = lengths.percentiles["100"]
    told = f"99 % of {rows:,} rows that were looked at have at most {wanted:,} tokens, the longest {longest:,}"
    return {"training.max_length": length}, f"{told}: {lost}.{limit}"


def _batch(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    """Rows of a step by the number of rows, shared out to micro-batches by the device's memory."""
    rows, reason = config.training.effective_batch_size, "As many rows a step as now."
    if known.num_rows is not None:
        found = rung(table.rows_per_step, known.num_rows)
        rows, reason = int(found.value), _filled(found.reason, known)
    longest = config.training.max_length
    if known.lengths is not None:
        longest = min(longest, known.lengths.percentiles["100"])
    tokens, device = table.cpu_micro_batch_tokens, "a processor gains nothing by more"
    if known.gpu is not None and known.memory_bytes is not None:
        tokens = int(rung(table.micro_batch_tokens, known.memory_bytes).value)
        device = f"a start for {_gb(known.memory_bytes)}, which the memory forecast corrects"
    most = max(1, tokens // max(1, longest))
    size = max(size for size in range(1, rows + 1) if rows % size == 0 and size <= most)
    return (
        {"training.batch_size": size, "training.gradient_accumulation": rows // size},
        f"{reason} At once {size} of up to {longest:,} tokens, {tokens:,} tokens in a micro-batch at most: {device}.",
    )


def _precision(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    gpu = known.gpu
    if gpu is None:
        return {"training.precision": "auto"}, "Without a GPU auto computes in float32: processors are quicker in it."
    if gpu.compute_capability is None:
        return None
    told = f"{gpu.name} has compute capability {gpu.compute_capability[0]}.{gpu.compute_capability[1]}"
    if gpu.compute_capability >= table.bfloat16_since:
        return {
            "training.precision": "auto"
        }, f"{told}, so auto computes in bfloat16: half the memory, float32's range."
    if isinstance(config.method, WholeMethod):
        return {"training.precision": "float32"}, f"{told} and no bfloat16; float16 is too coarse for whole weights."
    return {"training.precision": "float16"}, f"{told} and no bfloat16: float16 is the quick format there."


def _optimizer(config: RunConfig, known: Known, table: Defaults) -> Found | None:  # noqa: ARG001
    if isinstance(config.method, LoraFamily) and config.method.lora_fa:
        return None
    size = known.num_parameters
    if isinstance(config.method, WholeMethod) and known.gpu is not None and known.has_bitsandbytes and size:
        saved = f"AdamW's state of {_count(size)} parameters takes {_gb(2 * size)} in place of {_gb(8 * size)}"
        return {"training.optimizer": "adamw_8bit"}, f"{saved}, with the same results in papers (arXiv:2110.02861)."
    return {"training.optimizer": "adamw_torch_fused"}, "AdamW in one go; the state of an adapter is small."


def _speed(config: RunConfig, known: Known, table: Defaults) -> Found | None:  # noqa: ARG001
    """Attention and batches are the trainer's to choose; rows of similar length share a step only where it pays."""
    changes: Changes = {"speed.attention": "auto", "speed.batches": "auto"}
    lengths = known.lengths
    if lengths is None:
        return (
            changes,
            "The trainer takes the quickest attention and batches that give the same result, and says which.",
        )
    padding = 1 - lengths.packing.padded
    if lengths.packing.flat is not None:
        told = f"rows go end to end, so no time goes into padding, which would be {padding:.0%} of rectangular batches"
        return changes, f"Where the model allows it, {told}."
    sorted_ = 1 - lengths.packing.grouped
    if padding < MOST_PADDING:
        return changes, f"{padding:.0%} of a batch would be padding: shuffled rows are the safe choice."
    changes["speed.order"] = "grouped"
    return changes, f"{padding:.0%} of a batch would be padding; with rows of similar length together {sorted_:.0%}."


def _validation(config: RunConfig, known: Known, table: Defaults) -> Found | None:
    if known.num_rows is None or config.dataset.validation is not None or config.dataset.validation_path is not None:
        return None
    own = _of_profile(known, "dataset.validation_fraction")
    if own and isinstance(own[0], float):
        return {"dataset.validation_fraction": own[0]}, own[1]
    found = rung(table.validation, known.num_rows)
    return {"dataset.validation_fraction": float(found.value)}, _filled(found.reason, known)


RULES: tuple[Rule, ...] = (
    _quantization,
    _rank,
    _learning_rate,
    _epochs,
    _max_length,
    _batch,
    _precision,
    _optimizer,
    _speed,
    _validation,
)


def as_words(value: JsonValue) -> str:
    """A value for a person; a choice with its knobs is told by its name."""
    if isinstance(value, dict):
        return str(value.get("name", value))
    return written(value)


def _of_profile(known: Known, key: str) -> tuple[JsonValue, str] | None:
    """What the use case says of a setting, and why."""
    profile = known.profile
    if profile is None or key not in profile.values:
        return None
    return profile.values[key], f"{profile.reasons[key]} (use case {profile.title})"


def _filled(reason: str, known: Known) -> str:
    return reason.replace("{rows}", f"{known.num_rows:,}")


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.1f} M"  # noqa: PLR2004 - a billion


def _at(config: RunConfig, key: str) -> JsonValue:
    found: JsonValue = config.model_dump(mode="json")
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
