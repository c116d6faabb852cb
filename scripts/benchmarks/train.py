"""How fast and in how much memory PEFT Studio trains beside its peers: same model, rows, LoRA and steps, one machine.

Each lap is a fresh process; rounds alternate the order of the contestants, and medians are told with their spread.
Usage: scripts/bench train [--quick] [--llama-factory PYTHON] [--write-docs]; --help tells the rest.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.benchmarks.training.contestants import ALL, BASELINE, STUDIO
from scripts.benchmarks.training.material import Material, Size, make_material
from scripts.benchmarks.training.overhead import Overhead, measure_overhead
from scripts.benchmarks.training.races import Lap, LapFailed, lap
from scripts.benchmarks.training.report import put_between_marks, table, verdicts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
DATA_SETS = ("uneven", "even")
EVEN_PEERS = (BASELINE, "hf-flat", "trl-no-checkpointing", "trl-padding-free", "llama-factory-no-checkpointing")
QUICK = (BASELINE, "trl-padding-free", STUDIO)
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate")


@dataclass
class Results:
    """What was measured so far."""

    laps: list[Lap]
    failed: dict[str, str]
    overhead: Overhead | None = None


def main(words: Sequence[str]) -> int:
    """Measure, print the tables, write them; 0 unless one of ours failed."""
    asked = arguments(words)
    output = Path(asked.output)
    output.mkdir(parents=True, exist_ok=True)
    size = changed(Size(steps=3) if asked.quick else Size(), asked.set)
    material = make_material(output / "material", size, DATA_SETS)
    results = Results([], {} if asked.llama_factory else _no_llama_factory(asked.llama_factory_reason))
    races = schedule(asked)
    for number, (name, data) in enumerate(races, 1):
        run_lap(name, data, material, asked, results, f"[{number}/{len(races)}]")
    if asked.overhead:
        results.overhead = measure_overhead(material, threads=asked.threads)
    text = page(material, asked, results)
    print(f"\n{text}")
    (output / "results.md").write_text(text + "\n", encoding="utf-8")
    raw = {"laps": [found.to_json() for found in results.laps], "failed": results.failed}
    (output / "results.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    print(f"\nRaw numbers: {output / 'results.json'}", file=sys.stderr)
    if asked.write_docs:
        put_between_marks(PAGE, text)
    return int(STUDIO in results.failed)


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line. Names are checked here."""
    parser = argparse.ArgumentParser(prog="scripts/bench train", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three contestants, three steps, one round: a smoke test")
    parser.add_argument("--rounds", type=int, help="how often each contestant runs (default 2; 1 with --quick)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    parser.add_argument(
        "--llama-factory", default="", metavar="PYTHON", help="Python of an environment with llamafactory"
    )
    parser.add_argument("--llama-factory-reason", default="", help="why there is none, for the table")
    parser.add_argument("--only", nargs="+", choices=list(ALL), help="these contestants only")
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=list(DATA_SETS), help="uneven or even lengths")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER", help="another size: " + _size_names())
    parser.add_argument(
        "--no-overhead", dest="overhead", action="store_false", help="leave out the cost of supervision"
    )
    parser.add_argument("--output", default=str(Path(tempfile.gettempdir()) / "peft-studio-bench"), help="a folder")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args(words)
    asked.rounds = asked.rounds or (1 if asked.quick else 2)
    return asked


def schedule(asked: argparse.Namespace) -> list[tuple[str, str]]:
    """Contestant and data of each lap; every other round runs backwards, so that drifts of the machine cancel out."""
    chosen = asked.only or (QUICK if asked.quick else tuple(ALL))
    names = [name for name in chosen if asked.llama_factory or not ALL[name].is_llama_factory]
    once = [
        (name, data)
        for data in (asked.data[:1] if asked.quick else asked.data)
        for name in names
        if data == DATA_SETS[0] or asked.only or name in (*EVEN_PEERS, STUDIO)
    ]
    rounds = []
    for number in range(asked.rounds):
        in_turn = once[::-1] if number % 2 else once
        rounds += [(name, data) for name, data in in_turn if number == 0 or ALL[name].steps is None]
    return rounds


def run_lap(name: str, data: str, material: Material, asked: argparse.Namespace, results: Results, place: str) -> None:
    """One lap and one line about it; a failure is part of the result."""
    if name in results.failed:
        return
    try:
        found = lap(ALL[name], material, data, llama_python=asked.llama_factory, threads=asked.threads)
    except LapFailed as error:
        results.failed[name] = str(error).replace("|", "/")
        print(f"{place} {data} {name}: {error}", file=sys.stderr, flush=True)
        return
    results.laps.append(found)
    speeds = f"{found.tokens_per_second:,.0f} tokens/s, {found.tokens_per_cpu_second:,.0f} per CPU second"
    last = f"{found.peak_bytes / 1e6:,.0f} MB, last loss {found.losses[-1]:.4f}"
    print(f"{place} {data} {name}: {speeds}, {last}", file=sys.stderr, flush=True)


def changed(size: Size, settings: Sequence[str]) -> Size:
    """The size with NAME=NUMBER applied. Raises SystemExit for other words."""
    known = _size_names()
    pairs = [word.partition("=") for word in settings]
    if any(name not in known.split(", ") or not number.isdigit() for name, _, number in pairs):
        raise SystemExit(f"--set takes NAME=NUMBER with one of: {known}")
    return replace(size, **{name: int(number) for name, _, number in pairs})


def page(material: Material, asked: argparse.Namespace, results: Results) -> str:
    """Machine, tables and verdicts, as Markdown."""
    paragraphs = [machine(results.laps, material, asked)]
    for data in asked.data:
        if any(found.data == data for found in results.laps):
            failed = results.failed if data == DATA_SETS[0] else {}
            paragraphs += [f"### {data.capitalize()} lengths", table(results.laps, data, failed)]
    told = verdicts(results.laps, asked.data)
    if results.overhead:
        told.append(results.overhead.sentence())
    if told:
        paragraphs += ["### Asked and measured", "\n".join(told)]
    return "\n\n".join(paragraphs)


def machine(laps: Sequence[Lap], material: Material, asked: argparse.Namespace) -> str:
    """Where and what was measured."""
    size = material.size
    device = laps[0].device if laps else "cpu"
    threads = f"{asked.threads} thread{'s' if asked.threads > 1 else ''}"
    where = f"{platform.machine()}, {threads}" if device == "cpu" else device
    gpu = "; no GPU on this machine, so nothing was measured on one" if device == "cpu" else ""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    other = next((found.libraries for found in laps if ALL[found.contestant].is_llama_factory), "")
    packages += f"; LLaMA-Factory has {other}" if other else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {where}{gpu}, load {os.getloadavg()[0]:.1f} at the end. {packages}. "
        f"Llama with {size.layers} layers of width {size.hidden} and {size.vocabulary:,} tokens, "
        f"{parameters(material) / 1e6:.0f} M parameters; LoRA on all linear layers; {size.batch} rows a step, "
        f"{size.steps - size.warm_up} steps measured after {size.warm_up}, {asked.rounds} rounds."
    )


def parameters(material: Material) -> float:
    """Numbers in the model file, which holds float32."""
    return sum(file.stat().st_size for file in material.model.glob("*.safetensors")) / 4


def _no_llama_factory(reason: str) -> dict[str, str]:
    why = reason or "no environment was given (--llama-factory PYTHON)"
    return {name: why for name, contestant in ALL.items() if contestant.is_llama_factory}


def _size_names() -> str:
    return ", ".join(field.name for field in fields(Size))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
