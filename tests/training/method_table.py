"""What each method really does on tiny models: the table of docs/reference/methods.md.

`python -m tests.training.method_table` measures everything anew and writes it beside the reference.
"""

import copy
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from backend.methods import Method
from backend.quantization import Int8, Nf4, NoQuantization, Quantization
from backend.spec import members

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "methods-measured.json"
ARCHITECTURES = ("llama", "gemma3", "qwen3")
QUANTIZATIONS: dict[str, Quantization] = {"none": NoQuantization(), "nf4": Nf4(), "int8": Int8()}
COLUMNS = (*ARCHITECTURES, "nf4", "int8")
STEPS = 8
PRECISE = 5e-4  # float32: another order of the same sums
CORPUS = [f"What is {a} plus {b}? {a} plus {b} is {a + b}." for a in range(6) for b in range(7)]
# what the tiny models' sides of 16, 32 and 64 need, and how fast each method learns on them
TINY: dict[str, dict[str, Any]] = {
    "adalora": {"first_rank": 6, "rank": 4},
    "adamss": {"rank": 8, "subspaces": 2},
    "c3a": {"block_size": 8},
    "deft": {"rank": 4},
    "fourierft": {"frequencies": 100},
    "gralora": {"rank": 8},
    "hira": {"rank": 8},
    "lily": {"rank": 8},
    "miss": {"rank": 8},
    "oft": {"block_size": 8},
    "osf": {"effective_rank": 4},
    "p_tuning": {"tokens": 4, "hidden_size": 16},
    "peanut": {"rank": 8},
    "prefix": {"tokens": 4},
    "prompt": {"tokens": 4},
    "psoft": {"rank": 8},
    "pvera": {"rank": 16},
    "randlora": {"rank": 4, "alpha": 80},
    "road": {"group_size": 8},
    "shira": {"rank": 4},
    "trainable_tokens": {"trainable_tokens": ["?", "Ġis"]},
    "vblora": {"vector_length": 8, "vectors": 16},
    "vera": {"rank": 16},
    "waveft": {"coefficients": 100},
}
RATES = {"ia3": 5e-2, "prompt": 5e-2, "prefix": 5e-2, "p_tuning": 2e-2, "vera": 5e-2, "pvera": 5e-2, "full": 1e-3}


@dataclass(frozen=True)
class Seen:
    """What one method did on one model; "" where all was well, else what went wrong."""

    trains: str
    goes_on: str = ""
    reloads: str = ""
    merges: str = ""
    num_trained: int = 0

    @property
    def trouble(self) -> str:
        return self.trains or self.goes_on or self.reloads


class Bench:
    """Tiny models, built once."""

    def __init__(self, folder: Path) -> None:
        from tests.fakes.tiny_models import tiny_model

        self.folders = {name: tiny_model(folder / name, name, CORPUS) for name in ARCHITECTURES}
        self._bases: dict[tuple[str, str], Any] = {}

    def base(self, architecture: str, quantization: str = "none") -> Any:
        from backend.trainer.model import load_model

        key = architecture, quantization
        if quantization != "none":  # a quantized layer does not survive being copied
            return load_model(self._files(architecture), "float32", QUANTIZATIONS[quantization])
        if key not in self._bases:
            model = load_model(self._files(architecture), "float32", QUANTIZATIONS[quantization])
            self._bases[key] = model
        return copy.deepcopy(self._bases[key])

    def _files(self, architecture: str) -> Any:
        from backend.base_models.files import BaseFiles

        folder = self.folders[architecture]
        return BaseFiles(str(folder), folder, folder)

    def tokenizer(self, architecture: str) -> Any:
        from backend.trainer.model import load_tokenizer

        return load_tokenizer(self._files(architecture))

    def batch(self) -> dict[str, Any]:
        import torch

        tokenizer = self.tokenizer("llama")
        ids = torch.tensor([tokenizer(text)["input_ids"][:14] for text in CORPUS[20:24]])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}

    def see(self, method: Any, architecture: str, quantization: str = "none") -> Seen:
        """Train, go on from a checkpoint, reload and merge."""
        try:
            adapted, fell = self.train(method, architecture, quantization)
        except Exception as error:  # noqa: BLE001 - the table says what libraries raise
            return Seen(_told(error))
        with tempfile.TemporaryDirectory() as folder:
            case = _Case(self, adapted, method, architecture, quantization, Path(folder))
            found = [_tried(check) for check in (case.goes_on, case.reloads, case.merges)]
        return Seen(fell, *found, sum(p.numel() for p in adapted.model.parameters() if p.requires_grad))

    def adapted(self, method: Any, architecture: str, quantization: str = "none", resumed: Path | None = None) -> Any:
        import torch

        from backend.trainer.adapters import adapt

        torch.manual_seed(1)
        base = self.base(architecture, quantization)
        rows = self.batch()

        def calibration(size: int) -> Any:
            return [{k: v[i : i + size] for k, v in rows.items()} for i in range(0, 4, size)]

        tokenizer = self.tokenizer(architecture)
        return adapt(
            base,
            method,
            resumed=resumed,
            tokenizer=tokenizer,
            calibration=calibration,
            weights=self.folders[architecture],
        )

    def train(self, method: Any, architecture: str, quantization: str) -> tuple[Any, str]:
        import torch

        adapted = self.adapted(method, architecture, quantization)
        model, rate = adapted.model, RATES.get(method.name, 1e-2)
        trained = [p for p in model.parameters() if p.requires_grad]
        own = adapted.optimizer(torch.optim.AdamW, {"lr": rate})
        optimizer = own or torch.optim.AdamW(trained, lr=rate)
        adapted.begin(STEPS)
        model.train()
        losses = []
        for step in range(1, STEPS + 1):
            loss = model(**self.batch()).loss
            loss.backward()
            optimizer.step()
            adapted.after_step(step)
            optimizer.zero_grad()
            losses.append(loss.item())
        if not all(torch.isfinite(torch.tensor(losses))):
            return adapted, "its loss is not finite"
        return adapted, "" if losses[-1] < losses[
            0
        ] - 0.005 else f"its loss does not fall ({losses[0]:.3f} to {losses[-1]:.3f})"

    def logits(self, model: Any) -> Any:
        import torch

        with torch.no_grad():
            rows = self.batch()
            return model.eval()(input_ids=rows["input_ids"], attention_mask=rows["attention_mask"]).logits


@dataclass(frozen=True)
class _Case:
    """A trained model, and what is looked at."""

    bench: Bench
    adapted: Any
    method: Any
    architecture: str
    quantization: str
    folder: Path

    def goes_on(self) -> str:
        """A new attempt that reads the checkpoint has the same tensors, bit by bit."""
        import torch

        place = self.folder / "checkpoint"
        place.mkdir()
        self.adapted.copied()(place)
        other = self.bench.adapted(self.method, self.architecture, self.quantization, resumed=place)
        other.read(place)
        mine, others = self.adapted.model.state_dict(), other.model.state_dict()
        differing = [n for n, t in mine.items() if isinstance(t, torch.Tensor) and not torch.equal(t, others[n])]
        return f"{len(differing)} tensors differ, {differing[0]}" if differing else ""

    def reloads(self) -> str:
        """Plain peft on the untouched base gives the same answers."""
        reloaded = self._reloaded(self.quantization)
        return _difference(self.bench.logits(self.adapted.model), self.bench.logits(reloaded))

    def merges(self) -> str:
        """Merged into the full weights it answers the same."""
        if self.adapted.place == "model":
            return "There is no adapter."
        reloaded = self._reloaded("none")
        if not hasattr(reloaded.base_model, "merge_and_unload"):
            return "There are no weights that it could be merged into."
        before = self.bench.logits(reloaded)
        return _difference(before, self.bench.logits(reloaded.merge_and_unload()))

    def _reloaded(self, quantization: str) -> Any:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        place = self.folder / "result"
        if not place.exists():
            place.mkdir()
            self.adapted.write_result(place)
        if self.adapted.place == "model":
            return AutoModelForCausalLM.from_pretrained(place)
        return PeftModel.from_pretrained(self.bench.base(self.architecture, quantization), str(place))


def _tried(check: Any) -> str:
    try:
        return str(check())
    except Exception as error:  # noqa: BLE001 - the table says what libraries raise
        return _told(error)


def _told(error: Exception) -> str:
    """The first line of what a library says, without places of this machine."""
    why = getattr(error, "why", None) if hasattr(error, "explain") else None
    text = error.explain().why if why is not None else f"{type(error).__name__}: {error}"  # type: ignore[attr-defined]
    return text.strip().splitlines()[0][:200]


def _difference(one: Any, other: Any) -> str:
    if one.shape != other.shape:
        return "the answers have other shapes"
    apart = float((one - other).abs().max())
    return f"the answers differ by {apart:.2g}" if not apart < PRECISE else ""


def method_names() -> list[str]:
    return [spec.spec_name() for spec in members(Method)]


def tiny(name: str, **knobs: Any) -> Any:
    """A method that fits the tiny models."""
    return TypeAdapter(Method).validate_python({"name": name} | TINY.get(name, {}) | knobs)


def measured(bench: Bench, name: str, column: str) -> Seen:
    """A cell of the table: an architecture, or a quantization on Llama."""
    if column in ARCHITECTURES:
        return bench.see(tiny(name), column, "nf4" if name == "qlora" else "none")
    return bench.see(tiny(name), "llama", column)


def main() -> None:
    """Measure everything and write it down."""
    table: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place))
        for name in method_names():
            seen = {column: measured(bench, name, column) for column in COLUMNS}
            merges = next((seen[a].merges for a in ARCHITECTURES if seen[a].merges), "")
            row: dict[str, Any] = {"trained": seen["llama"].num_trained}
            table[name] = row | {column: seen[column].trouble for column in COLUMNS} | {"merges": merges}
            print(name, table[name], flush=True)  # noqa: T201 - a program's progress
    FILE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
